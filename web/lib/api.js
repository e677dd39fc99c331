/* Calls to the server. Replies are JSON; a refusal is thrown as a Problem (RFC 9457), a cut line as a Problem with
 * status 0. A small cache by URL keeps the last reply and its ETag, so that older figures can stay on the page. */
import { signal } from "./html.js";

/** Seconds of a reply after which a call counts as cut. */
const PATIENCE_MS = 20_000;

export class Problem extends Error {
    constructor(status, document, call) {
        super(document?.title ?? "");
        this.status = status;
        this.code = document?.code ?? (status === 0 ? "line-cut" : "");
        this.detail = document?.detail ?? "";
        this.pointer = document?.pointer ?? "";
        this.document = document;
        this.call = call;
        this.retryAfter = 0;
    }
}

/** The token that shows that a call came from this page; set at sign-in. */
let csrf = "";
export const setCsrf = (token) => {
    csrf = token ?? "";
};
/** When the line was cut (ms), or 0. Pages show one note for it. */
export const cutSince = signal(0);
let onSignedOut = () => {};
export const whenSignedOut = (f) => {
    onSignedOut = f;
};

const cache = new Map();
export const forget = () => cache.clear();
export const remembered = (path) => cache.get(path);

/** @param {string} method @param {string} path @param {{body?: any, key?: string, signal?: AbortSignal, headers?: Record<string, string>}} options */
const send = async (method, path, { body, key, signal: stop, headers = {} }) => {
    const clock = AbortSignal.timeout(PATIENCE_MS);
    const both = stop ? AbortSignal.any([stop, clock]) : clock;
    try {
        return await fetch(path, {
            method, signal: both, credentials: "same-origin", cache: "no-store",
            headers: {
                Accept: "application/json",
                ...(body !== undefined && { "Content-Type": "application/json" }),
                ...(method !== "GET" && csrf && { "X-CSRF-Token": csrf }),
                ...(key && { "Idempotency-Key": key }),
                ...headers,
            },
            body: body === undefined ? undefined : JSON.stringify(body),
        });
    } catch (error) {
        if (stop?.aborted) throw error;
        if (!cutSince.value) cutSince.value = Date.now();
        throw new Problem(0, null, { method, path });
    }
};

const read = async (response, call) => {
    cutSince.value = 0;
    const text = await response.text();
    let document = null;
    try {
        document = text ? JSON.parse(text) : null;
    } catch {
        document = null;
    }
    if (response.ok) return document;
    const problem = new Problem(response.status, document, call);
    problem.retryAfter = Number(response.headers.get("Retry-After") ?? 0);
    if (response.status === 401 && document?.code !== "credentials") onSignedOut();
    throw problem;
};

/** Read a thing. The reply stays in the cache with the time at which it came. */
export const get = async (path, options = {}) => {
    const old = cache.get(path);
    const response = await send("GET", path, { ...options, headers: old?.etag ? { "If-None-Match": old.etag } : {} });
    if (response.status === 304 && old) {
        cutSince.value = 0;
        old.at = Date.now();
        return old.data;
    }
    const data = await read(response, { method: "GET", path });
    cache.set(path, { data, etag: response.headers.get("ETag"), at: Date.now() });
    return data;
};
/** Change something, or ask by POST. A key makes a repetition harmless. */
export const post = async (path, body, options = {}) => read(await send("POST", path, { ...options, body }), { method: "POST", path });
export const del = async (path) => read(await send("DELETE", path, {}), { method: "DELETE", path });
