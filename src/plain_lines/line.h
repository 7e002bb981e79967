/* Lines: one object, whose members are read in any order and written in theirs. */

#ifndef LINE_H
#define LINE_H

#include "table.h"

#define MOST_EXTRAS 8 /* undocumented fields of a line */

typedef struct {
    const Table *table;
    Cursor cursor;
    Value values[MOST_FIELDS];
    Span names[MOST_EXTRAS]; /* of undocumented fields */
    Value extras[MOST_EXTRAS];
    int extra_count;
    int8_t first, next[MOST_FIELDS]; /* the fields that came first, and after each, in a line before: likely again */
} Line;

static void begin(Line *line, const Table *table) {
    line->table = table;
    line->first = 0;
    for (int field = 0; field < table->count; field++) line->next[field] = (int8_t)((field + 1) % table->count);
}

static bool read_value(Cursor *line, Value *value, const Field *field) {
    if (value->how != ABSENT || line->at == line->end) return false; /* a name that comes twice */
    if (*line->at == 'n' && !is_needed(field->kind))
        return take_word(line, "null", 4) && set_value(value, line->at - 4, line->at, COPIED);
    switch (field->kind) {
    case SID: return read_sid(line, value, field->prefixes, field->prefix_count);
    case NEEDED_MOMENT:
    case MOMENT: return read_moment(line, value);
    case TEXT: return read_text(line, value);
    case INTEGER: return read_integer(line, value);
    case AMOUNT: return read_amount(line, value);
    case BOOLEAN: return read_boolean(line, value);
    case ANY: return read_any(line, value);
    case KINDS: break;
    }
    return false;
}

static bool read_extra(Line *line, const Span *name) {
    if (line->extra_count == MOST_EXTRAS || has_name(line->names, line->extra_count, name)) return false;
    line->names[line->extra_count] = *name;
    return read_any(&line->cursor, &line->extras[line->extra_count++]);
}

/* Pass over a name and its colon, and find its field, which is likely to be a certain one. */
static inline bool pass_field(Line *line, int likely, int *field) {
    const Field *guess = &line->table->fields[likely];
    Cursor *cursor = &line->cursor;
    size_t quoted_bytes = guess->name_bytes + 2;
    Span name;
    if (left(cursor) > quoted_bytes && are_same(cursor->at, guess->lead + 1, quoted_bytes)) {
        *field = likely;
        cursor->at += quoted_bytes;
        pass_space(cursor);
        if (!take(cursor, ':')) return false;
        pass_space(cursor);
        return true;
    }
    if (!pass_name(cursor, &name)) return false;
    *field = field_of(line->table, &name);
    return *field != UNDOCUMENTED || read_extra(line, &name);
}

/* Read all members; say whether a line is, byte for byte, what is written of it. */
static bool read_line(Line *line, const byte *start, const byte *end, bool *is_final) {
    const Table *table = line->table;
    Cursor *cursor = &line->cursor;
    int8_t *likely = &line->first;
    int count = 0, field;
    *cursor = (Cursor){start, end, false};
    line->extra_count = 0;
    for (int at = 0; at < table->count; at++) line->values[at].how = ABSENT;
    pass_space(cursor);
    if (!take(cursor, '{')) return false;
    do {
        pass_space(cursor);
        if (!pass_field(line, *likely, &field)) return false;
        if (field != UNDOCUMENTED) {
            if (!read_value(cursor, &line->values[field], &table->fields[field])) return false;
            cursor->is_changed |= field != count++ || line->values[field].how != COPIED;
            *likely = (int8_t)field;
            likely = &line->next[field];
        }
        pass_space(cursor);
    } while (take(cursor, ','));
    if (!take(cursor, '}')) return false;
    pass_space(cursor);
    *is_final = !cursor->is_changed && line->extra_count == 0 && count == table->documented;
    return cursor->at == end;
}

/* Write a field; LEAD_BYTES are written at once, which is faster than to count them. */
static inline byte *write_field(byte *out, const Field *field, const Value *value) {
    memcpy(out, field->lead, LEAD_BYTES);
    return write_value(out + field->lead_bytes, value);
}

/* Write the final form of a line that was read, and return its end; NULL if a needed value is absent. */
static byte *write_line(byte *out, const Line *line) {
    const Table *table = line->table;
    for (int field = 0; field < table->documented; field++) {
        if (line->values[field].how == ABSENT && is_needed(table->fields[field].kind)) return NULL;
        out = write_field(out, &table->fields[field], &line->values[field]);
    }
    for (int at = 0; at < line->extra_count; at++) {
        size_t size = (size_t)(line->names[at].end - line->names[at].start);
        *out++ = ',', *out++ = '"';
        memcpy(out, line->names[at].start, size);
        out += size;
        *out++ = '"', *out++ = ':';
        out = write_value(out, &line->extras[at]);
    }
    for (int field = table->documented; field < table->count && table->keeps_dropped; field++)
        if (line->values[field].how != ABSENT) out = write_field(out, &table->fields[field], &line->values[field]);
    *out++ = '}', *out++ = '\n';
    return out;
}

#endif
