/* Why a site cannot, in words. Plain functions of what the server says. */
import { has, t } from "./words.js";
import { country, credits, dateTime, length, list } from "./format.js";
import { siteName } from "./sites.js";

/** The sentence of a refusal: ours where the code is known, else the server's. */
export const reasonText = (refusal, site) => {
    const { code, numbers: n = {} } = refusal;
    if (!has("reason." + code)) return refusal.text;
    const offering = site?.offerings?.find((o) => o.index === refusal.offering);
    if ((code === "mode" && !offering?.modes?.length) || (code === "eligible" && !offering?.open_to?.length)) return refusal.text;
    const time = (v) => (v ? dateTime(v) : "");
    const params = {
        site: site?.name ?? refusal.site, model: refusal.model ?? "", needs: n.needs, has: n.has, asked: n.asked ?? n.gpus, per_node: n.per_node, below: n.below, above: n.above, largest: n.largest,
        brokered: n.brokered, chosen: n.chosen, country: n.country ? country(n.country) : "", cost: n.cost_gpums ? credits(n.cost_gpums) : "", limit: n.limit_gpums ? credits(n.limit_gpums) : "",
        length: length(n.length_s ?? n.walltime_s ?? 0), longest: length(n.longest_s ?? 0), deadline: time(n.deadline), most: n.most_free, kept: n.kept,
        lacks: list((n.lacks ?? []).map((w) => t("need." + w))), n: n.nights, run: n.longest_nights, modes: list(offering?.modes ?? []), classes: list((offering?.open_to ?? []).map((c) => t("class." + c))),
    };
    const tail = n.earliest ? " " + t("reason.earliest", { time: time(n.earliest) }) : code === "shape" && n.below ? " " + t("reason.shape.either", { below: n.below, above: n.above }) : code === "shape" ? " " + t("reason.shape.only", { above: n.above }) : "";
    return t("reason." + code, params) + tail;
};
/** Places that only have another kind of offering, in one sentence; nothing if there are none. */
export const otherKinds = (codes, sites) => (codes.length ? t("reason.kinds", { n: codes.length, sites: list(codes.map((code) => siteName(sites.get(code), code))) }) : "");
