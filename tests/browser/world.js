/* Starts world.py and reads the one line that it prints when all is up. */
import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

const HERE = fileURLToPath(new URL(".", import.meta.url));
/** @param {string[]} more @returns {Promise<{base: string, password: string, organisations: any, grants: any, issuer: string, database: string, letters: string, stop: () => Promise<void>}>} */
export const world = (...more) => new Promise((done, failed) => {
    const child = spawn("python3", [HERE + "world.py", ...more], { stdio: ["pipe", "pipe", "inherit"] });
    const ended = new Promise((r) => child.once("exit", r));
    child.once("exit", (code) => failed(new Error(`world.py ended with ${code} before it was up`)));
    createInterface(child.stdout).once("line", (line) => done({ ...JSON.parse(line), stop: () => {
        child.stdin.end();
        return ended;
    } }));
});
