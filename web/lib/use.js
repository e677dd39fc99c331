/* Hooks that pages share: data by URL, commands with their key, the clock. */
import { signal, useEffect, useRef, useState, useCallback } from "./html.js";
import { get, onItsWay, post, recent, remembered, Problem } from "./api.js";

/** The journal's clock minus ours, ms; learnt from the server's `now`. */
const clockGap = signal(0);
export const learnClock = (now) => {
    if (now) clockGap.value = Date.parse(now) - Date.now();
};
export const nowMs = () => Date.now() + clockGap.value;

/** Steps once in so many ms while the tab is seen. */
export const useNow = (every = 1000) => {
    const [now, set] = useState(nowMs());
    useEffect(() => {
        const timer = setInterval(() => document.visibilityState === "visible" && set(nowMs()), every);
        return () => clearInterval(timer);
    }, [every]);
    return now;
};

/**
 * A thing of the server. `path` null: nothing yet. Older data stay while newer are fetched, with the time of theirs.
 * @param {string | null} path
 * @param {{every?: number, mark?: any}} [options] every: ask again after so many ms while the tab is seen; mark: and when this changes
 * @returns {{data: any, at: number, error: any, fresh: boolean, reload: () => void}} fresh: what is shown is the answer to what was asked last
 */
export const useData = (path, { every = 0, mark } = {}) => {
    const old = path ? remembered(path) : null;
    const [state, set] = useState(() => ({ path, data: old?.data ?? null, at: old?.at ?? 0, error: null, mark, known: Boolean(path && recent(path)) }));
    const [turn, setTurn] = useState(0);
    const first = useRef(true);
    useEffect(() => {
        const begins = first.current;
        first.current = false;
        if (!path) return undefined;
        const stop = new AbortController();
        const load = (answer = get(path, { signal: stop.signal })) => answer.then(
            (data) => stop.signal.aborted || set({ path, data, at: Date.now(), error: null, mark, known: true }),
            (error) => stop.signal.aborted || set((s) => ({ path, data: s.path === path ? s.data : null, at: s.at, error, mark, known: true })));
        if (!begins || !state.known) load(begins ? onItsWay(path) : undefined); /* what was read ahead is not asked for again */
        const timer = every ? setInterval(() => document.visibilityState === "visible" && load(), every) : 0;
        return () => {
            stop.abort();
            clearInterval(timer);
        };
    }, [path, every, turn, mark]);
    const mine = state.path === path ? state : { data: old?.data ?? null, at: old?.at ?? 0, error: null };
    return { ...mine, fresh: state.path === path && state.known && state.mark === mark, reload: useCallback(() => setTurn((n) => n + 1), []) };
};

/**
 * A command: busy while it runs, one key for as long as its outcome is not known, so that a double click or a retry
 * after a cut line cannot act twice. @returns {{busy: boolean, error: Problem | null, run: Function, clear: Function}}
 */
export const useCommand = () => {
    const key = useRef({ key: crypto.randomUUID(), what: "" });
    const running = useRef(false);
    const [state, set] = useState({ busy: false, error: null });
    const run = async (path, body, { secret = false } = {}) => {
        if (running.current) return undefined;
        const what = path + JSON.stringify(body);
        if (key.current.what && key.current.what !== what) key.current = { key: crypto.randomUUID(), what };
        key.current.what = what;
        running.current = true;
        set({ busy: true, error: null });
        try {
            const answer = await post(path, body, secret ? {} : { key: key.current.key });
            key.current = { key: crypto.randomUUID(), what: "" };
            set({ busy: false, error: null });
            return answer ?? {};
        } catch (error) {
            if (!(error instanceof Problem)) throw error;
            if (error.status >= 400 && error.status < 500) key.current = { key: crypto.randomUUID(), what: "" };
            set({ busy: false, error });
            return undefined;
        } finally {
            running.current = false;
        }
    };
    return { ...state, run, clear: () => set({ busy: false, error: null }) };
};
