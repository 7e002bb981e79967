/* Texts of JSON: passed over once, which checks their UTF-8 and escapes, and written in their shortest form. */

#ifndef TEXT_H
#define TEXT_H

#include "cursor.h"

#define EACH(value) (UINT64_C(0x0101010101010101) * (value)) /* of eight bytes */

/* Return how many of the next bytes are ASCII and none of: quote, backslash, control character. */
static inline size_t usual_bytes(const byte *at, const byte *end) {
    const byte *start = at;
#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    while (end - at >= 8) {
        uint64_t eight, quotes, backslashes, unusual;
        memcpy(&eight, at, 8);
        quotes = eight ^ EACH('"');
        backslashes = eight ^ EACH('\\');
        /* The highest bit of the first unusual byte is set. Those of later ones may be wrong, by what is borrowed. */
        unusual = ((eight - EACH(0x20)) | (quotes - EACH(1)) | (backslashes - EACH(1))) & ~eight;
        unusual = (unusual | eight) & EACH(0x80);
        if (unusual) return (size_t)(at - start) + ((size_t)__builtin_ctzll(unusual) >> 3);
        at += 8;
    }
#endif
    while (at < end && *at >= 0x20 && *at < 0x80 && *at != '"' && *at != '\\') at++;
    return (size_t)(at - start);
}

/* Return the length of the UTF-8 character that begins with a byte over 0x7F, or 0 if it is none. */
static size_t character_bytes(const byte *at, const byte *end) {
    size_t size = at[0] < 0xE0 ? 2 : at[0] < 0xF0 ? 3 : 4;
    byte low = 0x80, high = 0xBF; /* of the second byte: nothing is longer than it must be, and no surrogate */
    if (at[0] < 0xC2 || at[0] > 0xF4 || (size_t)(end - at) < size) return 0;
    if (at[0] == 0xE0) low = 0xA0;
    if (at[0] == 0xED) high = 0x9F;
    if (at[0] == 0xF0) low = 0x90;
    if (at[0] == 0xF4) high = 0x8F;
    if (at[1] < low || at[1] > high) return 0;
    for (size_t next = 2; next < size; next++)
        if (at[next] < 0x80 || at[next] > 0xBF) return 0;
    return size;
}

/* Return the unit of UTF-16 that four hexadecimal digits stand for, or -1 if there are none. */
static int32_t unit_of(const byte *at, const byte *end) {
    int32_t unit = 0;
    if (end - at < 4) return -1;
    for (int next = 0; next < 4; next++) {
        byte letter = at[next] | 0x20;
        if (is_digit(at[next])) unit = unit * 16 + (at[next] - '0');
        else if (letter >= 'a' && letter <= 'f') unit = unit * 16 + (letter - 'a' + 10);
        else return -1;
    }
    return unit;
}

/* Return the length of the escape that begins with a backslash, or 0 if it is none; half a surrogate pair is none. */
static size_t escape_bytes(const byte *at, const byte *end) {
    int32_t unit, other;
    if (end - at < 2) return 0;
    if (at[1] != 'u') return memchr("\"\\/bfnrt", at[1], 8) ? 2 : 0;
    unit = unit_of(at + 2, end);
    if (unit < 0) return 0;
    if (unit < 0xD800 || unit > 0xDFFF) return 6;
    if (unit > 0xDBFF || end - at < 12 || at[6] != '\\' || at[7] != 'u') return 0;
    other = unit_of(at + 8, end);
    return other >= 0xDC00 && other <= 0xDFFF ? 12 : 0;
}

/* Pass over the rest of a text, its closing quote included; say whether its shortest form is another one. */
static bool pass_text(Cursor *line, bool *is_other) {
    for (;;) {
        size_t size;
        line->at += usual_bytes(line->at, line->end);
        if (line->at == line->end) return false;
        if (*line->at == '"') break;
        if (*line->at == '\\') {
            size = escape_bytes(line->at, line->end);
            *is_other |= size > 2 || (size == 2 && line->at[1] == '/');
        } else size = *line->at >= 0x80 ? character_bytes(line->at, line->end) : 0;
        if (size == 0) return false;
        line->at += size;
    }
    line->at++;
    return true;
}

/* Write a character in its shortest form. */
static byte *write_character(byte *out, uint32_t one) {
    static const char digits[] = "0123456789abcdef", letters[] = "btn\0fr"; /* from 8 to 13 */
    static const byte begins[] = {0, 0xC0, 0xE0, 0xF0};                     /* by the bytes that follow */
    if (one < 0x20 || one == '"' || one == '\\') {
        *out++ = '\\';
        if (one >= 0x20) *out++ = (byte)one;
        else if (one >= 8 && one <= 13 && one != 11) *out++ = (byte)letters[one - 8];
        else {
            memcpy(out, "u00", 3);
            out[3] = (byte)digits[one >> 4];
            out[4] = (byte)digits[one & 15];
            out += 5;
        }
    } else if (one < 0x80) *out++ = (byte)one;
    else {
        int more = one < 0x800 ? 1 : one < 0x10000 ? 2 : 3; /* bytes of six bits each, after the first */
        *out++ = (byte)(begins[more] | one >> 6 * more);
        while (more--) *out++ = (byte)(0x80 | (one >> 6 * more & 63));
    }
    return out;
}

/* Write bytes of a text that was passed over, in its shortest form.

An escape of 2, 6 or 12 bytes becomes at most 2, 6 or 4: what is written is never longer than what was read. */
static byte *write_text(byte *out, const byte *at, const byte *end) {
    static const char letters[] = "bfnrt";
    while (at < end) {
        const byte *backslash = memchr(at, '\\', (size_t)(end - at)), *stop = backslash ? backslash : end;
        size_t size = (size_t)(stop - at);
        uint32_t one;
        memcpy(out, at, size);
        out += size;
        at = stop;
        if (!backslash) break;
        size = escape_bytes(at, end);
        if (size == 2) {
            const char *found = memchr(letters, at[1], 5);
            one = found ? (uint32_t)"\b\f\n\r\t"[found - letters] : at[1];
        } else one = (uint32_t)unit_of(at + 2, end);
        if (size == 12) one = 0x10000 + ((one - 0xD800) << 10) + ((uint32_t)unit_of(at + 8, end) - 0xDC00);
        out = write_character(out, one);
        at += size;
    }
    return out;
}

#endif
