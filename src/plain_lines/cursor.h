/* A cursor: how far the bytes of a line are read, and the steps that everything else is made of.

Nothing reads at `at` without having compared it with `end`; whoever needs several bytes asks for their number first. */

#ifndef CURSOR_H
#define CURSOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

typedef uint8_t byte;

typedef struct {
    const byte *at, *end;
    bool is_changed; /* white space was passed over, or something is not written as it was read */
} Cursor;

typedef struct {
    const byte *start, *end;
} Span;

static inline bool is_digit(byte one) { return (byte)(one - '0') < 10; }

static inline size_t left(const Cursor *line) { return (size_t)(line->end - line->at); }

/* Pass over one byte if it is this one. */
static inline bool take(Cursor *line, byte wanted) {
    if (line->at == line->end || *line->at != wanted) return false;
    line->at++;
    return true;
}

static inline bool take_word(Cursor *line, const char *word, size_t size) {
    if (left(line) < size || memcmp(line->at, word, size) != 0) return false;
    line->at += size;
    return true;
}

static inline void pass_space(Cursor *line) {
    while (line->at < line->end && *line->at <= ' ') {
        if (*line->at != ' ' && *line->at != '\t' && *line->at != '\n' && *line->at != '\r') return;
        line->is_changed = true;
        line->at++;
    }
}

/* Say whether so many bytes are the same; for the few of a name this is faster than memcmp. */
static inline bool are_same(const byte *one, const byte *other, size_t size) {
    uint64_t some, others;
    if (size < 8) {
        while (size-- > 0)
            if (one[size] != other[size]) return false;
        return true;
    }
    for (size_t at = 0; at + 8 < size; at += 8) {
        memcpy(&some, one + at, 8);
        memcpy(&others, other + at, 8);
        if (some != others) return false;
    }
    memcpy(&some, one + size - 8, 8);
    memcpy(&others, other + size - 8, 8);
    return some == others;
}

#endif
