/* Scripts to start from: the one place where they stand. Each is whole and runs as it is only once its lines marked FILL IN
 * are; `fill` counts them for the form. What is in them is what every site has: sh, and the environment that the job is given. */
const HEAD = `#!/bin/sh
# The job is given: KONTOR_GPUS, KONTOR_NODES, KONTOR_GPUS_PER_NODE, KONTOR_WALLTIME_S.
set -eu
`;
const PYTORCH = `${HEAD}
# On one node; for several there is the template "Multi-node PyTorch".
# FILL IN: your training script and its data, as paths at the site.
TRAIN=/path/at/the/site/train.py
DATA=/path/at/the/site/data

exec torchrun --standalone --nproc-per-node "$KONTOR_GPUS_PER_NODE" \\
    "$TRAIN" --data "$DATA"
`;
const INFERENCE = `${HEAD}
# FILL IN: the program, its model, the folder of inputs and the one for results, as paths at the site.
RUN=/path/at/the/site/infer.py
MODEL=/path/at/the/site/model
INPUTS=/path/at/the/site/inputs
RESULTS=/path/at/the/site/results

# One process a GPU: number i takes every KONTOR_GPUS_PER_NODE-th input. One that fails fails the job.
i=0
pids=""
while [ "$i" -lt "$KONTOR_GPUS_PER_NODE" ]; do
    CUDA_VISIBLE_DEVICES=$i python3 "$RUN" --model "$MODEL" --inputs "$INPUTS" --results "$RESULTS" \\
        --part "$i" --parts "$KONTOR_GPUS_PER_NODE" &
    pids="$pids $!"
    i=$((i + 1))
done
for pid in $pids; do wait "$pid"; done
`;
const SHELL = `${HEAD}
# Your own program goes here. This line shows what the job was given.
echo "$KONTOR_GPUS GPUs for $KONTOR_WALLTIME_S s on $(uname -n)"
`;
export const STARTS = { shell: SHELL, pytorch: PYTORCH, inference: INFERENCE };
/** Lines of a script that still say what must be filled in. */
export const toFill = (script) => script.split("\n").filter((line) => line.includes("FILL IN:")).map((line) => line.replace(/^.*FILL IN:\s*/, ""));
/** The server's limit of a script, in bytes. */
export const SCRIPT_MAX = 65536;
/** The text of a file that may be a script, or what is wrong with it: a key of the catalogue. @param {ArrayBuffer} bytes */
export const readScript = (bytes) => {
    if (bytes.byteLength > SCRIPT_MAX) return { bad: "ask.file.large" };
    try {
        const text = new TextDecoder("utf-8", { fatal: true }).decode(bytes).replaceAll("\r\n", "\n");
        if (text.includes("\0")) return { bad: "ask.file.binary" };
        return text.trim() ? { text } : { bad: "ask.file.empty" };
    } catch {
        return { bad: "ask.file.binary" };
    }
};
