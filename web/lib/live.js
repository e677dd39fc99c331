/* Live: server-sent events. Event streams over HTTP/1.1 stall at six tabs, so one tab leads a stream (navigator.locks)
 * and shares what comes (BroadcastChannel); when it closes the next one leads. After a reconnect the state is fetched
 * anew, then events apply. A hidden tab keeps what came and draws nothing. */
import { useEffect, useState } from "./html.js";
import { get, recent, remembered } from "./api.js";
import { nowMs } from "./use.js";

const lead = (path, event, give, stop) => {
    let source;
    const open = () => {
        source = new EventSource(path);
        source.addEventListener("open", () => give({ kind: "open" }));
        source.addEventListener("error", () => {
            give({ kind: "cut" });
            if (source.readyState === EventSource.CLOSED) setTimeout(() => stop.signal.aborted || open(), 5000);
        });
        source.addEventListener(event, (e) => give({ kind: "data", text: e.data }));
    };
    open();
    return new Promise((done) => stop.signal.addEventListener("abort", () => {
        source.close();
        done();
    }));
};

/**
 * A thing that changes while one looks. @param {string} path what to fetch @param {string} stream its events @param {string} event their name
 * @returns {{data: any, error: any, live: boolean | null, last: number, reload: () => void}} live: null until that is known; last: when we heard of it, ms
 */
export const useLive = (path, stream, event) => {
    const [state, set] = useState(() => ({ data: recent(path) ? remembered(path).data : null, error: null, live: null, last: 0 }));
    const [turn, again] = useState(0);
    useEffect(() => {
        const stop = new AbortController();
        let waiting = null;
        const draw = (data) => {
            waiting = data;
            if (document.visibilityState !== "visible") return;
            waiting = null;
            set((s) => ({ ...s, data, error: null, last: nowMs() }));
        };
        const fetchNow = () => get(path, { signal: stop.signal }).then(draw, (error) => stop.signal.aborted || set((s) => ({ ...s, error })));
        const shown = () => document.visibilityState === "visible" && waiting && draw(waiting);
        const channel = new BroadcastChannel(stream);
        const take = (message) => {
            if (message.kind === "data") draw(JSON.parse(message.text));
            else set((s) => ({ ...s, live: message.kind === "open" }));
            if (message.kind === "open") fetchNow();
        };
        channel.onmessage = (e) => take(e.data);
        document.addEventListener("visibilitychange", shown);
        if (!recent(path)) fetchNow();
        const give = (message) => {
            channel.postMessage(message);
            take(message);
        };
        if (navigator.locks) navigator.locks.request("live:" + stream, { signal: stop.signal }, () => lead(stream, event, give, stop)).catch(() => {});
        else lead(stream, event, take, stop);
        return () => {
            stop.abort();
            channel.close();
            document.removeEventListener("visibilitychange", shown);
        };
    }, [path, stream, turn]);
    return { ...state, reload: () => again((n) => n + 1) };
};
