/* api/fields.h: fields of bodies that several routes read. Like json_in_…: the first error is kept, 0 or "" given. */
#ifndef API_FIELDS_H
#define API_FIELDS_H

#include "api/call.h"

/* Credits with at most three places, as "7680" or "0.125" → gpums. Within 1 thousandth to 10^12 credits. */
int64_t in_credits(struct json_in *in, const char *name);
/* A line of text: no control or invisible characters, none that turn the text's direction, no blanks at its ends. Copied
 * into the arena. */
const char *in_line(struct json_in *in, const char *name, size_t max, struct arena *a);
/* The same, or "". */
const char *in_line_or_none(struct json_in *in, const char *name, size_t max, struct arena *a);
/* The same with line breaks and tabs allowed. */
const char *in_prose(struct json_in *in, const char *name, size_t max, struct arena *a);
const char *in_country(struct json_in *in, const char *name, struct arena *a); /* of ISO 3166-1 */
bool is_country(const char *code);
/* Lower-case letters, digits and dashes, at most 15: a site's or a mode's code. */
bool is_code(const char *text);
const char *in_code(struct json_in *in, const char *name, struct arena *a);
const char *in_email(struct json_in *in, const char *name, struct arena *a);
/* 10 to 256 bytes, and not among those that are guessed first. whose, email: name and address of the person. */
const char *in_new_password(struct json_in *in, const char *name, const char *whose, const char *email, struct arena *a);
uint64_t in_index(struct json_in *in, const char *name);
/* A list of classes of organisation → their bits. Empty: 0. */
uint16_t in_classes(struct json_in *in, const char *name);
void classes_json(struct json_out *out, const char *name, uint16_t classes);
/* "officers": two people, each with an address and a password; "" both if there is no such field: they sign later. */
struct officer_in {
    const char *email, *password;
};
void in_officers(struct json_in *in, struct officer_in ret[2], struct arena *a);
/* A text of an entry: its field is filled with zeros. What does not fit is our own bug. */
void field_text(char *ret, size_t size, const char *text);
/* A body that must be an empty object. */
enum err in_nothing(struct call *call) MUST_USE;

#endif
