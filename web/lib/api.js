/* Calls to the server. Replies are JSON; a refusal is thrown as a Problem (RFC 9457), a cut line as a Problem with
 * status 0. A small cache by URL keeps the last reply and its ETag, so that older figures can stay on the page. */
import { signal } from "./html.js";

/** Seconds of a reply after which a call counts as cut. */
const PATIENCE_MS = 20_000;
/** So long an answer that was read ahead is as good as a new one. */
const RECENT_MS = 2000;

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
/* What a page shows first is asked for while nothing of it is drawn, so that all is drawn once. */
const coming = new Map();
let changes = 0; /* how often something was changed here: what was read before that is not recent */
/** Has this just been answered? */
export const recent = (path) => {
    const old = cache.get(path);
    return Boolean(old && old.changes === changes && Date.now() - old.at < RECENT_MS);
};
/** Reads things ahead. Those that cannot be had are undefined: who shows them asks again, and says why. @param {...string} paths @returns {Promise<any[]>} */
export const ahead = (...paths) => Promise.all(paths.map((path) => {
    if (recent(path)) return remembered(path).data;
    const answer = coming.get(path) ?? get(path).finally(() => coming.delete(path));
    coming.set(path, answer);
    return answer.catch(() => undefined);
}));
/** A thing, unless it has just been read. @param {string} path */
export const lately = async (path) => (recent(path) ? remembered(path).data : coming.get(path) ?? get(path));
/** The answer to what is being read ahead now, if it is. @param {string} path */
export const onItsWay = (path) => coming.get(path);

/** @param {string} method @param {string} path @param {{body?: any, key?: string, signal?: AbortSignal, headers?: Record<string, string>, reads?: boolean}} options reads: it changes nothing, though it is no GET */
const send = async (method, path, { body, key, signal: stop, headers = {}, reads }) => {
    if (method !== "GET" && !reads) changes++;
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
    const old = cache.get(path), before = changes;
    const response = await send("GET", path, { ...options, headers: old?.etag ? { "If-None-Match": old.etag } : {} });
    if (response.status === 304 && old) {
        cutSince.value = 0;
        Object.assign(old, { at: Date.now(), changes: before });
        return old.data;
    }
    const data = await read(response, { method: "GET", path });
    cache.set(path, { data, etag: response.headers.get("ETag"), at: Date.now(), changes: before });
    return data;
};
/** Change something, or ask by POST. A key makes a repetition harmless. */
export const post = async (path, body, options = {}) => read(await send("POST", path, { ...options, body }), { method: "POST", path });
/* A question that takes a body; what was asked ahead is answered once. */
const called = (path, body) => `${path} ${JSON.stringify(body)}`;
export const ask = (path, body, options = {}) => post(path, body, { ...options, reads: true });
export const askAhead = async (path, body) => {
    const before = changes;
    const data = await ask(path, body).catch(() => undefined);
    if (data) cache.set(called(path, body), { data, etag: null, at: Date.now(), changes: before });
};
/** @returns {any} the answer, if it has just come */
export const answered = (path, body) => (recent(called(path, body)) ? remembered(called(path, body)).data : undefined);
export const del = async (path) => read(await send("DELETE", path, {}), { method: "DELETE", path });
