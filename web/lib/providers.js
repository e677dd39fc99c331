/* Signing in by a provider: our server says where, the browser goes there and comes back to a page of ours, with
 * ?failed=CODE if it went wrong. */
import { post, Problem } from "./api.js";

const LONGEST = 300;

/**
 * Leaves the page. @param {string} code the provider's @param {string} page the path to come back to
 * @param {{link?: boolean, password?: string}} [options] link: what it knows one by is linked to the account in use; password: which that takes, where there is one
 */
export const goTo = async (code, page, { link = false, password = "" } = {}) => {
    const back = page.length > LONGEST ? page.split("?")[0] : page;
    const { url } = await post(`/v1/providers/${code}/sign-in`, { to: back, from: back, ...(link && { link }), ...(password && { password }) });
    location.assign(url);
    return new Promise(() => {}); /* busy until the page is gone */
};
/** What the way back says, as an error to show. @param {URLSearchParams} query */
export const failedOf = (query) => (query.get("failed") ? new Problem(0, { code: query.get("failed") }, null) : null);
