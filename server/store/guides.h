/* store/guides.h: the first steps of each role: what of them one has looked at, and whether they are ended. */
#ifndef STORE_GUIDES_H
#define STORE_GUIDES_H

#include "store/db.h"

enum guide { GUIDE_STARTUP = 1, GUIDE_OFFICER, GUIDE_AUDITOR, GUIDE_SITE, GUIDE_ADMIN, GUIDES };

struct guide_state {
    int64_t seen; /* bits of the steps that are done by looking, as api/guide.c numbers them */
    bool ended;
};

/* A person's, by guide; zeros where nothing is known. */
enum err guides_of(struct db *db, struct uuid person, struct guide_state ret[GUIDES]) MUST_USE;
enum err guides_see(struct db *db, struct uuid person, enum guide guide, int64_t bits) MUST_USE; /* these, too */
enum err guides_end(struct db *db, struct uuid person, enum guide guide, bool ended) MUST_USE;

/* What has been done for an organisation; colleagues: others belong to it, or have been invited. */
struct guide_startup {
    bool asked, reserved, colleagues;
};
enum err guides_startup(struct db *db, struct uuid organisation, struct uuid person, struct guide_startup *ret) MUST_USE;

#endif
