/* Secrets of a job: what they may be called and what they may be, as core/secret.c has it. Plain functions. */
import { utf8 } from "./bytes.js";

const NAMES_MAX = 8, VALUE_MAX = 4096;
/* names that the system, Slurm or Kontor use; one that ends in * is a beginning */
export const TAKEN = ["LD_*", "KONTOR_*", "SLURM*", "SBATCH_*", "SRUN_*", "PMI*", "LC_*", "BASH*", "MALLOC_*", "GLIBC_*", "CUDA_VISIBLE_*", "NVIDIA_*", "ROCR_*",
    "PATH", "HOME", "SHELL", "USER", "LOGNAME", "PWD", "OLDPWD", "LANG", "LANGUAGE", "IFS", "ENV", "CDPATH", "SHELLOPTS", "PS4", "TMPDIR", "TZ", "TERM",
    "UID", "EUID", "PPID", "GROUPS", "DIRSTACK", "FUNCNAME", "PIPESTATUS", "RANDOM", "SRANDOM", "SECONDS", "LINENO", "TMOUT", "PS1", "PS2",
    "EPOCH*", "HIST*", "OPT*", "COMP_*", "MAIL*",
    "GCONV_PATH", "GETCONF_DIR", "HOSTALIASES", "LOCALDOMAIN", "LOCPATH", "NLSPATH", "RESOLV_HOST_CONF", "RES_OPTIONS", "TZDIR", "_"];
const isTaken = (name) => TAKEN.some((taken) => (taken.endsWith("*") ? name.startsWith(taken.slice(0, -1)) : name === taken));

/** The names typed, separated by blanks or commas. @param {string} text */
export const namesIn = (text) => text.split(/[\s,]+/).filter(Boolean);
/** What is wrong with them in this form: key of the message and its parameters; null: nothing. @param {any} ask */
export const namesFault = (ask) => {
    const names = namesIn(ask.secrets);
    if (!names.length) return null;
    if (names.length > NAMES_MAX) return { key: "ask.bad.secrets.many", params: { n: NAMES_MAX } };
    const bad = names.find((name) => !/^[A-Za-z_][A-Za-z0-9_]{0,63}$/.test(name));
    if (bad) return { key: "ask.bad.secrets.name", params: { name: bad } };
    const taken = names.find(isTaken);
    if (taken) return { key: "ask.bad.secrets.taken", params: { name: taken } };
    const twice = names.find((name, i) => names.indexOf(name) !== i);
    if (twice) return { key: "ask.bad.secrets.twice", params: { name: twice } };
    return ask.nights ? { key: "ask.bad.secrets.nights", params: {} } : ask.move === "1" ? { key: "ask.bad.secrets.move", params: {} } : null;
};
/** What is wrong with a value, as above. @param {string} value */
export const valueFault = (value) => {
    const n = utf8(value).length;
    if (!n) return { key: "secrets.bad.none", params: {} };
    if (value.includes("\0")) return { key: "secrets.bad.zero", params: {} };
    return n > VALUE_MAX ? { key: "secrets.bad.long", params: { n, most: VALUE_MAX } } : null;
};

/** Has this browser what sealing, and checking whose key it is, needs? */
export const canSeal = async () => {
    try {
        await crypto.subtle.generateKey("X25519", false, ["deriveBits"]);
        await crypto.subtle.generateKey("Ed25519", false, ["verify", "sign"]);
        return true;
    } catch {
        return false; /* neither curve, or no secure context */
    }
};
