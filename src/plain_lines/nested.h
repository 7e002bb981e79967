/* Values of any kind, however nested up to a bound, without recursion; in an object no name may come twice. */

#ifndef NESTED_H
#define NESTED_H

#include "text.h"

#define MOST_NESTED 8 /* arrays and objects, one in another */
#define MOST_NAMES 32 /* of objects that are open at once */

typedef struct {
    bool is_object;
    int first; /* of its names */
} Open;

typedef struct {
    Open open[MOST_NESTED];
    int depth;
    Span names[MOST_NAMES]; /* of the objects that are open, the innermost one's last */
    int count;
} Nesting;

static inline bool pass_digits(Cursor *line) {
    const byte *start = line->at;
    while (line->at < line->end && is_digit(*line->at)) line->at++;
    return line->at > start;
}

static inline bool pass_number(Cursor *line, bool *is_integer) {
    take(line, '-');
    if (!take(line, '0') && !pass_digits(line)) return false;
    *is_integer = true;
    if (take(line, '.')) {
        *is_integer = false;
        if (!pass_digits(line)) return false;
    }
    if (take(line, 'e') || take(line, 'E')) {
        *is_integer = false;
        if (!take(line, '+')) take(line, '-');
        if (!pass_digits(line)) return false;
    }
    return true;
}

/* Pass over a text, a number, true, false or null; say whether the shortest form of a text is another one. */
static bool pass_scalar(Cursor *line, bool *is_other) {
    bool is_integer;
    if (take(line, '"')) return pass_text(line, is_other);
    if (take_word(line, "true", 4) || take_word(line, "false", 5) || take_word(line, "null", 4)) return true;
    return pass_number(line, &is_integer);
}

/* Pass over a name in its shortest form, so that names are the same if their bytes are; and over its colon. */
static inline bool pass_name(Cursor *line, Span *name) {
    bool is_other = false;
    if (!take(line, '"')) return false;
    name->start = line->at;
    if (!pass_text(line, &is_other) || is_other) return false;
    name->end = line->at - 1;
    pass_space(line);
    if (!take(line, ':')) return false;
    pass_space(line);
    return true;
}

static inline bool has_name(const Span *names, int count, const Span *name) {
    size_t size = (size_t)(name->end - name->start);
    for (; count > 0; names++, count--)
        if ((size_t)(names->end - names->start) == size && are_same(names->start, name->start, size)) return true;
    return false;
}

/* Pass over the name of a member, if an object is open, so that its value comes next. */
static bool pass_member_name(Cursor *line, Nesting *in) {
    const Open *innermost = &in->open[in->depth - 1];
    Span *name = &in->names[in->count];
    if (!innermost->is_object) return true;
    if (in->count == MOST_NAMES || !pass_name(line, name)) return false;
    if (has_name(in->names + innermost->first, in->count - innermost->first, name)) return false;
    in->count++;
    return true;
}

/* Pass over what comes after a value: brackets that close, and a comma, after which another value comes. */
static bool pass_end(Cursor *line, Nesting *in) {
    while (in->depth > 0) {
        const Open *innermost = &in->open[in->depth - 1];
        pass_space(line);
        if (take(line, ',')) {
            pass_space(line);
            return pass_member_name(line, in);
        }
        if (!take(line, innermost->is_object ? '}' : ']')) return false;
        in->count = innermost->first;
        in->depth--;
    }
    return true;
}

static inline bool is_nested(const Cursor *line) {
    return line->at < line->end && (*line->at == '{' || *line->at == '[');
}

/* Pass over an array or object that begins here. */
static bool pass_nested(Cursor *line) {
    Nesting in;
    bool is_other = false; /* nobody asks: all of it is written anew */
    in.depth = in.count = 0;
    do {
        if (is_nested(line)) {
            bool is_object = *line->at++ == '{';
            if (in.depth == MOST_NESTED) return false;
            in.open[in.depth].is_object = is_object;
            in.open[in.depth++].first = in.count;
            pass_space(line);
            if (line->at == line->end) return false;
            if (*line->at != (is_object ? '}' : ']')) {
                if (!pass_member_name(line, &in)) return false;
                continue;
            }
        } else if (!pass_scalar(line, &is_other)) return false;
        if (!pass_end(line, &in)) return false;
    } while (in.depth > 0);
    return true;
}

/* Write a value that was passed over, without the white space between its tokens, and texts in their shortest form. */
static byte *write_nested(byte *out, const byte *at, const byte *end) {
    while (at < end) {
        const byte *start = at;
        if (*at == '"') {
            /* The closing quote is there, and no backslash comes right before the end: all of it was passed over. */
            for (at++; *at != '"'; at++)
                if (*at == '\\') at++;
            out = write_text(out, start, ++at);
        } else if (*at > ' ') *out++ = *at++;
        else at++;
    }
    return out;
}

#endif
