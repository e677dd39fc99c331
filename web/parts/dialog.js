/* Dialog: only for what costs credits or cannot be undone. The focus goes to the harmless choice, and to the field that keeps the deed from being
 * done; Escape closes. */
import { html, useEffect, useLayoutEffect, useRef, useState } from "../lib/html.js";
import { firstFault } from "../lib/focus.js";
import { Button } from "./button.js";

/**
 * @param {{title: string, yes: string, no: string, danger?: boolean, busy?: boolean, error?: any, onYes: () => void, onNo: () => void, children: any}} props
 */
export const Dialog = ({ title, yes, no, danger, busy, error, onYes, onNo, children }) => {
    const box = useRef(null);
    useLayoutEffect(() => {
        const dialog = box.current;
        dialog.showModal();
        dialog.querySelector("[data-harmless]")?.focus();
        return () => dialog.close(); /* which gives the focus back to where it came from */
    }, []);
    const asked = useRef(false); /* until a field is found wrong, here or by the server */
    const [, drawn] = useState(0); /* anew, though what is wrong may be as before */
    useEffect(() => {
        const field = asked.current ? firstFault(box.current) : null;
        if (!field) return;
        asked.current = false;
        field.focus();
    });
    const deed = () => {
        asked.current = true;
        drawn((n) => n + 1);
        onYes();
    };
    return html`
        <dialog ref=${box} aria-labelledby="dialog-title" onCancel=${(event) => { event.preventDefault(); onNo(); }}>
            <h2 id="dialog-title">${title}</h2>
            <div>${children}</div>
            ${error}
            <div class="deeds">
                <${Button} kind=${danger ? "danger" : "primary"} busy=${busy} onClick=${deed}>${yes}<//>
                <${Button} data-harmless="" onClick=${onNo}>${no}<//>
            </div>
        </dialog>`;
};
