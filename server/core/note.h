/* core/note.h
 * Signed notes (C2SP signed-note v1), verifier keys, checkpoints (tlog-checkpoint), cosignatures (tlog-cosignature,
 * Ed25519: "cosignature/v1"), inclusion receipts (tlog-proof v1) as text. Pure: who signs and verifies Ed25519 is handed in.
 *
 * Of a note's signature types, 0x01 (Ed25519 over the text) and 0x04 (timestamped Ed25519 cosignature) are understood;
 * lines of other types or of unknown keys are ignored, as the specification demands. */
#ifndef CORE_NOTE_H
#define CORE_NOTE_H

#include "core/proof.h"

#define NOTE_MAX        65536 /* bytes of a note */
#define NOTE_LINES_MAX  64    /* signatures of a note; the specification asks for 16 at least */
#define NOTE_NAME_MAX   128   /* bytes of a key's name */
#define NOTE_LINE_MAX   256   /* bytes of a signature line that we make, NUL included */
#define VKEY_TEXT_MAX   (NOTE_NAME_MAX + 64)

enum note_type { NOTE_ED25519 = 0x01, NOTE_COSIGNATURE = 0x04 };

struct vkey { char name[NOTE_NAME_MAX]; enum note_type type; uint8_t id[4], public[32]; };

/* Non-empty UTF-8 of less than NOTE_NAME_MAX bytes without control characters, spaces of any width or '+'. */
bool note_name_ok(const char *name);
/* The key's id is the first 4 bytes of SHA-256(name ‖ 0x0A ‖ type ‖ public). name must be ok. */
struct vkey vkey_make(const char *name, enum note_type type, const uint8_t public[32]);
void vkey_text(const struct vkey *k, char ret[VKEY_TEXT_MAX]); /* name+hex(id)+base64(type ‖ public) */
/* False unless text is a vkey of one of the two types whose id follows from the rest. */
bool vkey_parse(const char *text, struct vkey *ret);

struct note_line {
    const char *name;
    size_t name_len;
    uint8_t blob[4 + 8 + 64]; /* key id, then what the type says; only what fits is kept */
    size_t len;               /* of the whole blob */
};
struct note {
    struct bytes text; /* what is signed, final newline included; within what was parsed */
    struct note_line line[NOTE_LINES_MAX];
    size_t n;
};
/* False unless it is a note: UTF-8 without control characters but newline, a text, an empty line, one to NOTE_LINES_MAX
 * signature lines, nothing else. *ret points into `bytes`. */
bool note_parse(struct bytes bytes, struct note *ret);

/* Ed25519 (RFC 8032): true if sig is public's over message. */
typedef bool (*note_verify_fn)(const uint8_t public[32], struct bytes message, const uint8_t sig[64]);

enum note_found { NOTE_ABSENT, NOTE_GOOD, NOTE_BAD };
/* What the note has by key k: nothing, a signature that verifies (*time_s: a cosignature's time, else 0; may be NULL), or
 * one that does not, upon which the whole note must be rejected. Of several good cosignatures the latest time counts. */
enum note_found note_check(const struct note *n, const struct vkey *k, note_verify_fn verify, uint64_t *time_s);

/* The bytes that a key of this type signs: for a cosignature "cosignature/v1\ntime T\n" and the text; else the text
 * alone. Returned in ret, whose room is text.len + 64. */
size_t note_signed_bytes(enum note_type type, uint64_t time_s, struct bytes text, uint8_t *ret);
/* A signature line, final newline included. time_s is used by cosignatures only. */
size_t note_line_write(const struct vkey *k, uint64_t time_s, const uint8_t sig[64], char ret[NOTE_LINE_MAX]);

/* A checkpoint's text: origin, size, root, then maybe extension lines. */
#define CHECKPOINT_ORIGIN_MAX 256
#define CHECKPOINT_TEXT_MAX   (CHECKPOINT_ORIGIN_MAX + 80)
struct checkpoint { char origin[CHECKPOINT_ORIGIN_MAX]; uint64_t size; struct hash root; };
size_t checkpoint_text(const struct checkpoint *c, char ret[CHECKPOINT_TEXT_MAX]); /* without extensions */
bool checkpoint_parse(struct bytes text, struct checkpoint *ret); /* extension lines are let through and not kept */

/* A receipt: maybe the entry itself (tlog-proof's "extra", in base64), index, path, and the checkpoint's note whole. */
struct receipt { uint64_t index; struct proof path; struct bytes extra, note; };
#define RECEIPT_EXTRA_MAX 1024
#define RECEIPT_HEAD_MAX  (64 + 32 + PROOF_MAX * 46 + 8 + BASE64_LEN(RECEIPT_EXTRA_MAX))
/* extra: at most RECEIPT_EXTRA_MAX bytes, or none. The note follows it. */
size_t receipt_head_write(uint64_t index, const struct proof *path, struct bytes extra, char ret[RECEIPT_HEAD_MAX]);
bool receipt_parse(struct bytes bytes, struct receipt *ret); /* extra, still in base64, and note point into bytes */
bool receipt_extra(const struct receipt *r, uint8_t ret[RECEIPT_EXTRA_MAX], size_t *ret_len); /* false: none, or too long */

#endif
