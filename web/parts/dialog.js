/* Dialog: only for what costs credits or cannot be undone. The focus goes to the harmless choice; Escape closes. */
import { html, useEffect, useRef } from "../lib/html.js";
import { Button } from "./button.js";

/**
 * @param {{title: string, yes: string, no: string, danger?: boolean, busy?: boolean, error?: any, onYes: () => void, onNo: () => void, children: any}} props
 */
export const Dialog = ({ title, yes, no, danger, busy, error, onYes, onNo, children }) => {
    const box = useRef(null);
    useEffect(() => {
        const back = document.activeElement;
        box.current.showModal();
        box.current.querySelector("[data-harmless]")?.focus();
        return () => back instanceof HTMLElement && back.focus();
    }, []);
    return html`
        <dialog ref=${box} aria-labelledby="dialog-title" onCancel=${(event) => { event.preventDefault(); onNo(); }}>
            <h2 id="dialog-title">${title}</h2>
            <div>${children}</div>
            ${error}
            <div class="deeds">
                <${Button} kind=${danger ? "danger" : "primary"} busy=${busy} onClick=${onYes}>${yes}<//>
                <${Button} data-harmless="" onClick=${onNo}>${no}<//>
            </div>
        </dialog>`;
};
