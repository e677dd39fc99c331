/* Sites by code, and what they and their GPUs are called. */
import { useMemo } from "./html.js";
import { useData } from "./use.js";
import { t } from "./words.js";
import { country } from "./format.js";

/** All sites by code; an empty map until they are there. */
export const useSites = (every = 0) => {
    const { data, error, at, reload } = useData("/v1/sites", { every });
    const sites = useMemo(() => new Map((data?.items ?? []).map((s) => [s.code, s])), [data]);
    return { sites, loaded: data !== null, error, at, reload };
};
/** What people call a site: its machine. */
export const siteName = (site, code = "") => site?.system || site?.name || code;
export const siteTown = (site) => (site ? t("place", { city: site.city, country: country(site.country) }) : "");
/** "A100 64 GB" */
export const gpuName = (o) => (!o ? "" : /\bGB\b/.test(o.model) || !o.memory_gb ? o.model : t("gpu", { model: o.model, n: o.memory_gb }));
