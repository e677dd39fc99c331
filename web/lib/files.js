/* Files that a job fetches before it runs and puts afterwards, as typed and as the server takes them. Plain functions. */

/** Files by URL, one a line: address, path, and for an input its SHA-256 if it is known. null: a line is none of these. @param {string} text */
export const filesOf = (text, input = true) => {
    const files = text.split("\n").map((line) => line.trim().split(/\s+/)).filter(([url]) => url);
    const good = ([url, path, sha256, ...rest]) => /^https?:\/\/[^\s/?#:@]/.test(url) && path && !rest.length && (sha256 === undefined || (input && /^[0-9a-f]{64}$/.test(sha256)));
    return files.every(good) && files.length <= 16 ? files.map(([url, path, sha256]) => ({ url, path, ...(sha256 && { sha256 }) })) : null;
};
/** The lines that would have made such files. @param {{url: string, path: string, sha256?: string}[] | undefined} files */
export const linesOf = (files) => (files ?? []).map((f) => [f.url, f.path, f.sha256].filter(Boolean).join(" ")).join("\n");
/** Both, in the server's words; the lines must be without faults. @param {{inputs: string, outputs: string}} files */
export const filesIn = (files) => {
    const inputs = filesOf(files.inputs), outputs = filesOf(files.outputs, false);
    return { ...(inputs?.length && { inputs }), ...(outputs?.length && { outputs }) };
};
