/* Tables: the fields of a resource type, as dayfile/model/resource.py has them, found by their names. */

#ifndef TABLE_H
#define TABLE_H

#include "value.h"

#define MOST_FIELDS 48
#define PLACES 128        /* for names: a power of two, and over twice MOST_FIELDS, so that some are always free */
#define LEAD_BYTES 48     /* of what comes before a value: a comma or a brace, the name in quotes, a colon */
#define NAME_AT 2         /* in it */
#define UNDOCUMENTED (-1) /* in place of a field's number */

typedef struct {
    byte lead[LEAD_BYTES];
    size_t lead_bytes, name_bytes;
    Kind kind;
    byte prefixes[MOST_PREFIXES][2]; /* of a sid */
    int prefix_count;
} Field;

typedef struct {
    Field fields[MOST_FIELDS]; /* sids, two moments, other documented ones as a line has them, then dropped ones */
    int count, sids, documented;
    bool keeps_dropped;
    int8_t places[PLACES]; /* the numbers of fields, by their names; UNDOCUMENTED where there is none */
    size_t most_added;     /* the bytes that a line may have more than what was read of it */
    size_t account_at, created_at; /* in a line */
    byte oldest[MOMENT_BYTES], newest[MOMENT_BYTES];
} Table;

/* Return the place of a name of at least one byte. The factors are any that give few names of a type the same one. */
static inline unsigned place_of(const byte *name, size_t size) {
    return (unsigned)(size * 7 + name[0] * 5u + name[size / 2] * 11u + name[size - 1] * 3u) % PLACES;
}

static inline unsigned place_after(unsigned place) { return (place + 1) % PLACES; }

/* Return the number of the field of a name. */
static inline int field_of(const Table *table, const Span *name) {
    size_t size = (size_t)(name->end - name->start);
    if (size == 0) return UNDOCUMENTED;
    for (unsigned place = place_of(name->start, size); table->places[place] >= 0; place = place_after(place)) {
        const Field *field = &table->fields[table->places[place]];
        if (field->name_bytes == size && are_same(field->lead + NAME_AT, name->start, size))
            return table->places[place];
    }
    return UNDOCUMENTED;
}

/* Add a field; false if there is no room for it. */
static bool add_field(Table *table, const char *name, size_t name_bytes, int kind, const char *prefixes,
                      size_t prefix_bytes) {
    Field *field = &table->fields[table->count];
    unsigned place;
    if (table->count == MOST_FIELDS || name_bytes < 1 || name_bytes > LEAD_BYTES - 4) return false;
    if (kind < 0 || kind >= KINDS || prefix_bytes % 2 != 0 || prefix_bytes > 2 * MOST_PREFIXES) return false;
    field->kind = (Kind)kind;
    field->name_bytes = name_bytes;
    field->lead_bytes = name_bytes + 4;
    field->lead[0] = table->count ? ',' : '{';
    field->lead[1] = '"';
    memcpy(field->lead + NAME_AT, name, name_bytes);
    memcpy(field->lead + NAME_AT + name_bytes, "\":", 2);
    memcpy(field->prefixes, prefixes, prefix_bytes);
    field->prefix_count = (int)(prefix_bytes / 2);
    for (place = place_of((const byte *)name, name_bytes); table->places[place] >= 0;) place = place_after(place);
    table->places[place] = (int8_t)table->count++;
    return true;
}

/* Work out what follows from the fields; false if sids and two moments are not first. */
static bool complete(Table *table, int sids, int documented) {
    size_t at = 0;
    if (sids < 1 || documented > table->count || sids > documented - 2) return false;
    for (int field = 0; field < sids + 2; field++) {
        if (table->fields[field].kind != (field < sids ? SID : NEEDED_MOMENT)) return false;
        at += table->fields[field].lead_bytes + 1;
        if (field == sids - 1) table->account_at = at;
        if (field == sids) table->created_at = at;
        at += field < sids ? SID_BYTES + 1 : MOMENT_BYTES + 1;
    }
    for (int field = sids + 2; field < table->count; field++)
        if (is_needed(table->fields[field].kind)) return false;
    table->sids = sids, table->documented = documented;
    /* Every name, and a null or two quotes for its value; the brace that ends a line was read, its newline may not. */
    table->most_added = 1;
    for (int field = 0; field < table->count; field++) table->most_added += table->fields[field].lead_bytes + 4;
    return true;
}

#endif
