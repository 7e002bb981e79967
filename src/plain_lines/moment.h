/* Moments: ISO 8601 with a zone, or the dates of mail, brought to `2026-10-01T10:00:00Z`, the shortest of them.

What is accepted is a part of what dayfile/model/moment.py accepts. */

#ifndef MOMENT_H
#define MOMENT_H

#include "cursor.h"

#define MOMENT_BYTES 20
#define DATE_BYTES 10

typedef struct {
    int year, month, day, hour, minute, second;
    int ahead; /* of UTC, in minutes, less than a day */
} Moment;

/* Return the number that so many digits stand for, or -1; the bytes are there. */
static inline int number_of(const byte *at, int count) {
    int number = 0;
    while (count--) {
        if (!is_digit(*at)) return -1;
        number = number * 10 + (*at++ - '0');
    }
    return number;
}

static inline int days_of(int year, int month) {
    static const byte days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool is_leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return month == 2 && is_leap ? 29 : days[month - 1];
}

static inline bool is_date(const Moment *one) {
    if (one->year < 1 || one->month < 1 || one->month > 12) return false;
    return one->day >= 1 && one->day <= days_of(one->year, one->month);
}

/* Read 00:00:00 to 23:59:59; the bytes are there. */
static inline bool read_clock(const byte *at, Moment *one) {
    one->hour = number_of(at, 2);
    one->minute = number_of(at + 3, 2);
    one->second = number_of(at + 6, 2);
    if (at[2] != ':' || at[5] != ':' || one->hour < 0 || one->minute < 0 || one->second < 0) return false;
    return one->hour < 24 && one->minute < 60 && one->second < 60;
}

/* Read +00, and as the form has it +0000 or +00:00, up to the end. */
static bool read_offset(const byte *at, const byte *end, bool is_mail, Moment *one) {
    ptrdiff_t size = end - at;
    int hours, minutes = 0;
    if (size != 5 && (is_mail || (size != 3 && size != 6))) return false;
    if ((*at != '+' && *at != '-') || (size == 6 && at[3] != ':')) return false;
    hours = number_of(at + 1, 2);
    if (size > 3) minutes = number_of(end - 2, 2);
    if (hours < 0 || hours > 23 || minutes < 0 || minutes > 59) return false;
    one->ahead = (*at == '-' ? -1 : 1) * (hours * 60 + minutes);
    return true;
}

/* Read a text of at least MOMENT_BYTES. */
static bool read_iso(const byte *at, const byte *end, Moment *one) {
    one->year = number_of(at, 4);
    one->month = number_of(at + 5, 2);
    one->day = number_of(at + 8, 2);
    if (at[4] != '-' || at[7] != '-' || (at[10] != 'T' && at[10] != 't' && at[10] != ' ')) return false;
    if (!is_date(one) || !read_clock(at + 11, one)) return false;
    at += 19;
    if (*at == '.') {
        const byte *first = ++at;
        while (at < end && is_digit(*at)) at++;
        if (at == first || at - first > 12) return false;
    }
    if (end - at == 1 && (*at == 'Z' || *at == 'z')) return true;
    return read_offset(at, end, false, one);
}

/* Return the weekday of a date, Monday 0, by Zeller's congruence. */
static inline int weekday_of(const Moment *one) {
    int month = one->month < 3 ? one->month + 12 : one->month, year = one->month < 3 ? one->year - 1 : one->year;
    return (one->day + 13 * (month + 1) / 5 + year + year / 4 - year / 100 + year / 400 + 5) % 7;
}

/* Return the index of three letters in a list of such, or -1; the bytes are there. */
static inline int index_of(const byte *at, const char *list, int count) {
    for (int index = 0; index < count; index++)
        if (memcmp(at, list + 3 * index, 3) == 0) return index;
    return -1;
}

/* Read a text of at least MOMENT_BYTES. */
static bool read_mail(const byte *at, const byte *end, Moment *one) {
    int weekday = -1, digits;
    if (!is_digit(*at)) {
        weekday = index_of(at, "MonTueWedThuFriSatSun", 7);
        if (weekday < 0 || at[3] != ',' || at[4] != ' ') return false;
        at += 5;
    }
    digits = is_digit(at[1]) ? 2 : 1;
    if (end - at < digits + (ptrdiff_t)sizeof " Oct 2026 10:00:00 " - 1) return false;
    one->day = number_of(at, digits);
    at += digits;
    one->month = index_of(at + 1, "JanFebMarAprMayJunJulAugSepOctNovDec", 12) + 1;
    one->year = number_of(at + 5, 4);
    if (at[0] != ' ' || at[4] != ' ' || at[9] != ' ' || at[18] != ' ') return false;
    if (!is_date(one) || (weekday >= 0 && weekday != weekday_of(one)) || !read_clock(at + 10, one)) return false;
    at += 19;
    if (end - at == 3 && (memcmp(at, "GMT", 3) == 0 || memcmp(at, "UTC", 3) == 0)) return true;
    if (end - at == 2 && memcmp(at, "UT", 2) == 0) return true;
    return read_offset(at, end, true, one);
}

/* Bring a moment to UTC; false if its year is none of four digits then. */
static bool to_utc(Moment *one) {
    int minutes = one->hour * 60 + one->minute - one->ahead;
    if (minutes < 0) {
        minutes += 24 * 60;
        if (--one->day < 1) {
            if (--one->month < 1) one->month = 12, one->year--;
            one->day = days_of(one->year, one->month);
        }
    } else if (minutes >= 24 * 60) {
        minutes -= 24 * 60;
        if (++one->day > days_of(one->year, one->month)) {
            one->day = 1;
            if (++one->month > 12) one->month = 1, one->year++;
        }
    }
    one->hour = minutes / 60, one->minute = minutes % 60;
    return one->year >= 1 && one->year <= 9999;
}

/* Write a moment of MOMENT_BYTES. */
static void write_moment(byte *out, const Moment *one) {
    const int numbers[] = {one->year / 100, one->year % 100, one->month, one->day, one->hour, one->minute, one->second};
    static const byte places[] = {0, 2, 5, 8, 11, 14, 17};
    memcpy(out, "0000-00-00T00:00:00Z", MOMENT_BYTES);
    for (int at = 0; at < 7; at++) {
        out[places[at]] = (byte)('0' + numbers[at] / 10);
        out[places[at] + 1] = (byte)('0' + numbers[at] % 10);
    }
}

#endif
