/* Values of fields: read by their kind, and written in their final form. */

#ifndef VALUE_H
#define VALUE_H

#include "moment.h"
#include "nested.h"

#define SID_BYTES 34
#define MOST_PREFIXES 4
#define INTEGER_BYTES 18       /* any integer of so many digits has at most 64 bits */
#define ESCAPED_MOMENT_BYTES 64 /* with a few escapes, as .NET has for + */

/* Those that a line needs come first. */
typedef enum { SID, NEEDED_MOMENT, MOMENT, TEXT, INTEGER, AMOUNT, BOOLEAN, ANY, KINDS } Kind;

static inline bool is_needed(Kind kind) { return kind <= NEEDED_MOMENT; }

typedef enum { ABSENT, COPIED, QUOTED, TEXT_SHORTENED, NESTED_SHORTENED } How; /* a value is written */

typedef struct {
    const byte *start, *end; /* in the line, or in `moment` */
    How how;
    byte moment[MOMENT_BYTES + 2];
} Value;

static inline bool set_value(Value *value, const byte *start, const byte *end, How how) {
    value->start = start, value->end = end, value->how = how;
    return true;
}

static inline bool read_sid(Cursor *line, Value *value, const byte prefixes[][2], int prefix_count) {
    const byte *start = line->at;
    byte wrong = 0;
    int prefix = 0;
    if (left(line) < SID_BYTES + 2 || start[0] != '"' || start[SID_BYTES + 1] != '"') return false;
    while (prefix < prefix_count && memcmp(start + 1, prefixes[prefix], 2) != 0) prefix++;
    if (prefix == prefix_count) return false;
    for (int at = 3; at <= SID_BYTES; at++)
        wrong |= !is_digit(start[at]) & !((byte)(start[at] - 'a') < 6);
    line->at += SID_BYTES + 2;
    return set_value(value, start, line->at, COPIED) && !wrong;
}

static inline bool read_text(Cursor *line, Value *value) {
    const byte *start = line->at;
    bool is_other = false;
    if (!take(line, '"') || !pass_text(line, &is_other)) return false;
    return set_value(value, start, line->at, is_other ? TEXT_SHORTENED : COPIED);
}

static inline bool read_moment(Cursor *line, Value *value) {
    byte unescaped[ESCAPED_MOMENT_BYTES];
    const byte *at, *end;
    Moment moment = {0};
    if (!read_text(line, value)) return false;
    at = value->start + 1, end = value->end - 1;
    if (value->how == TEXT_SHORTENED) {
        if (end - at > ESCAPED_MOMENT_BYTES) return false;
        end = write_text(unescaped, at, end);
        at = unescaped;
    }
    if (end - at < MOMENT_BYTES) return false;
    if (!(at[4] == '-' ? read_iso : read_mail)(at, end, &moment)) return false;
    if (value->how == COPIED && end - at == MOMENT_BYTES && at[10] == 'T' && at[19] == 'Z') return true;
    if (moment.ahead && !to_utc(&moment)) return false;
    value->moment[0] = value->moment[MOMENT_BYTES + 1] = '"';
    write_moment(value->moment + 1, &moment);
    line->is_changed = true;
    return set_value(value, value->moment, value->moment + MOMENT_BYTES + 2, COPIED);
}

/* Read an integer, or the same digits as text. */
static inline bool read_integer(Cursor *line, Value *value) {
    bool is_text = take(line, '"'), is_integer;
    const byte *start = line->at;
    line->is_changed |= is_text;
    if (!pass_number(line, &is_integer) || !is_integer || line->at - start > INTEGER_BYTES) return false;
    if (start[0] == '-' && start[1] == '0') return false; /* it is written as 0 */
    return set_value(value, start, line->at, COPIED) && (!is_text || take(line, '"'));
}

/* Read a number as text, or one that becomes text. */
static inline bool read_amount(Cursor *line, Value *value) {
    const byte *start = line->at;
    bool is_text = take(line, '"'), is_integer;
    if (!pass_number(line, &is_integer) || (is_text && !take(line, '"'))) return false;
    return set_value(value, start, line->at, is_text ? COPIED : QUOTED);
}

/* Read true or false, or the same as text. */
static inline bool read_boolean(Cursor *line, Value *value) {
    bool is_text = take(line, '"');
    const byte *start = line->at;
    line->is_changed |= is_text;
    if (!take_word(line, "true", 4) && !take_word(line, "false", 5)) return false;
    return set_value(value, start, line->at, COPIED) && (!is_text || take(line, '"'));
}

/* Read a value of an undocumented or dropped field. */
static inline bool read_any(Cursor *line, Value *value) {
    const byte *start = line->at;
    bool is_other = false;
    if (is_nested(line)) return pass_nested(line) && set_value(value, start, line->at, NESTED_SHORTENED);
    return pass_scalar(line, &is_other) && set_value(value, start, line->at, is_other ? TEXT_SHORTENED : COPIED);
}

/* Write a value: as many bytes as were read of it or fewer, but for the null of an absent one and two more quotes. */
static inline byte *write_value(byte *out, const Value *value) {
    size_t size;
    if (value->how == TEXT_SHORTENED) return write_text(out, value->start, value->end);
    if (value->how == NESTED_SHORTENED) return write_nested(out, value->start, value->end);
    if (value->how == ABSENT) {
        memcpy(out, "null", 4);
        return out + 4;
    }
    if (value->how == QUOTED) *out++ = '"';
    size = (size_t)(value->end - value->start);
    memcpy(out, value->start, size);
    out += size;
    if (value->how == QUOTED) *out++ = '"';
    return out;
}

#endif
