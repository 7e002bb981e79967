/* Plain lines: reading many lines, and for those that are anything out of the ordinary the word that they are.

Nothing here decides that a line is bad. A line may be declined for any reason, and is read by `RecordReader` then; what
is written of any other is byte for byte what that makes of it. Each line is read by itself, so that nothing of one can
become part of another. dayfile/model/plain_reader.py is the only caller.

How it stays within its memory:

- Lines are bytes objects, which do not change, or parts of one; they are kept while the interpreter's lock is given up.
  They are read through `Cursor` only, which compares where it is with the end.
- Of a line no more is written than was read and `most_added` (table.h): every name of a field once, null or two quotes
  for its value, a newline; a value is never longer than it was (value.h, text.h, moment.h), and of an undocumented
  field as much is written as was read. The buffer has this for every line, and LEAD_BYTES at its end.
- All else is of fixed size, with its bound beside it. Nothing is static that changes, and nothing calls itself. */

#define Py_LIMITED_API 0x030B0000
#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include "line.h"

#define MOST_LINES 65536
#define LONGEST_BYTES (1 << 24)
#define ACCOUNT_BYTES SID_BYTES

_Static_assert(sizeof(size_t) >= 8, "MOST_LINES of LONGEST_BYTES each are counted");

/* Distinct texts of one length, of at least 8 bytes. */
typedef struct {
    const byte **places; /* NULL where there is none */
    size_t count;        /* of places: a power of two, and over the number of texts */
    size_t size;         /* of each text */
} Texts;

typedef struct {
    const Table *table;
    Py_ssize_t count;     /* of lines */
    const byte **starts;  /* NULL for a line that is too long */
    size_t *sizes;
    size_t longest;       /* in bytes, with the newline */
    byte *out;
    size_t capacity, written;
    Py_ssize_t *declined; /* numbers of lines, and how much was written before each */
    Py_ssize_t declined_count;
    Texts accounts, dates;
} Block;

static void add_text(Texts *texts, const byte *text) {
    uint64_t mixed, last;
    memcpy(&mixed, text, 8);
    memcpy(&last, text + texts->size - 8, 8);
    mixed ^= last << 7 | last >> 57;
    mixed = (mixed ^ mixed >> 32) * UINT64_C(0x9E3779B97F4A7C15); /* 2 ** 64, by the golden ratio */
    for (size_t place = mixed >> 40;; place++) {
        const byte **one = &texts->places[place & (texts->count - 1)];
        if (!*one) *one = text;
        if (are_same(*one, text, texts->size)) return;
    }
}

/* Write the final form of a line, and return its end; NULL to decline it. */
static byte *written_line(Line *line, const byte *start, size_t size, byte *out) {
    const Table *table = line->table;
    bool is_final;
    byte *end;
    if (!read_line(line, start, start + size, &is_final)) return NULL;
    if (is_final) {
        memcpy(out, start, size);
        end = out + size;
        *end++ = '\n';
    } else end = write_line(out, line);
    if (!end || memcmp(out + table->created_at, table->oldest, MOMENT_BYTES) < 0) return NULL;
    return memcmp(out + table->created_at, table->newest, MOMENT_BYTES) > 0 ? NULL : end;
}

static void read_block(Block *block) {
    Line line;
    byte *out = block->out;
    begin(&line, block->table);
    for (Py_ssize_t at = 0; at < block->count; at++) {
        byte *end = block->starts[at] ? written_line(&line, block->starts[at], block->sizes[at], out) : NULL;
        if (end && (size_t)(end - out) <= block->longest) {
            add_text(&block->accounts, out + block->table->account_at);
            add_text(&block->dates, out + block->table->created_at);
            out = end;
        } else {
            block->declined[2 * block->declined_count] = at;
            block->declined[2 * block->declined_count++ + 1] = out - block->out;
        }
    }
    block->written = (size_t)(out - block->out);
}

/* --- Python ---------------------------------------------------------------------------------------------------- */

static const char TABLE[] = "dayfile table";

static void free_table(PyObject *capsule) { PyMem_Free(PyCapsule_GetPointer(capsule, TABLE)); }

static bool add_fields(Table *table, PyObject *fields) {
    for (Py_ssize_t at = 0; at < PyTuple_Size(fields); at++) {
        const char *name, *prefixes;
        Py_ssize_t name_bytes, prefix_bytes;
        int kind;
        PyObject *field = PyTuple_GetItem(fields, at);
        if (!PyArg_ParseTuple(field, "y#iy#", &name, &name_bytes, &kind, &prefixes, &prefix_bytes)) return false;
        if (!add_field(table, name, (size_t)name_bytes, kind, prefixes, (size_t)prefix_bytes)) {
            PyErr_SetString(PyExc_ValueError, "there is no room for such a field");
            return false;
        }
    }
    return true;
}

static PyObject *make_table(PyObject *module, PyObject *args) {
    PyObject *fields, *capsule;
    const char *oldest, *newest;
    Py_ssize_t oldest_bytes, newest_bytes;
    int sids, documented, keeps_dropped;
    Table *table;
    (void)module;
    if (!PyArg_ParseTuple(args, "O!iipy#y#", &PyTuple_Type, &fields, &sids, &documented, &keeps_dropped, &oldest,
                          &oldest_bytes, &newest, &newest_bytes))
        return NULL;
    table = PyMem_Calloc(1, sizeof *table);
    if (!table) return PyErr_NoMemory();
    capsule = PyCapsule_New(table, TABLE, free_table);
    if (!capsule) {
        PyMem_Free(table);
        return NULL;
    }
    memset(table->places, UNDOCUMENTED, sizeof table->places);
    table->keeps_dropped = keeps_dropped;
    if (!add_fields(table, fields)) goto failed;
    if (!complete(table, sids, documented) || oldest_bytes != MOMENT_BYTES || newest_bytes != MOMENT_BYTES) {
        PyErr_SetString(PyExc_ValueError, "sids and two moments come first; moments have 20 bytes");
        goto failed;
    }
    memcpy(table->oldest, oldest, MOMENT_BYTES);
    memcpy(table->newest, newest, MOMENT_BYTES);
    return capsule;
failed:
    Py_DECREF(capsule);
    return NULL;
}

static PyObject *set_of(const Texts *texts) {
    PyObject *set = PySet_New(NULL);
    for (size_t at = 0; set && at < texts->count; at++) {
        PyObject *text;
        if (!texts->places[at]) continue;
        text = PyUnicode_DecodeASCII((const char *)texts->places[at], (Py_ssize_t)texts->size, NULL);
        if (!text || PySet_Add(set, text) < 0) Py_CLEAR(set);
        Py_XDECREF(text);
    }
    return set;
}

static PyObject *list_of(const Py_ssize_t *numbers, Py_ssize_t count) {
    PyObject *list = PyList_New(count);
    for (Py_ssize_t at = 0; list && at < count; at++) {
        PyObject *number = PyLong_FromSsize_t(numbers[at]);
        if (!number || PyList_SetItem(list, at, number) < 0) Py_CLEAR(list);
    }
    return list;
}

static void take_line(Block *block, Py_ssize_t number, const char *start, size_t size) {
    if (size >= block->longest) return;
    block->starts[number] = (const byte *)start;
    block->sizes[number] = size;
    block->capacity += size + block->table->most_added;
}

/* Count the lines of a text, which has newlines between them. */
static Py_ssize_t lines_of(const char *text, const char *end) {
    Py_ssize_t count = 1;
    while ((text = memchr(text, '\n', (size_t)(end - text)))) text++, count++;
    return count;
}

/* Take so many lines out of a text, which is as many as it has. */
static void take_text(Block *block, const char *text, const char *end) {
    for (Py_ssize_t at = 0; at < block->count; at++) {
        const char *newline = memchr(text, '\n', (size_t)(end - text)), *stop = newline ? newline : end;
        take_line(block, at, text, (size_t)(stop - text));
        text = stop + 1;
    }
}

/* Take each line of a tuple; false with an exception. */
static bool take_each(Block *block, PyObject *lines) {
    for (Py_ssize_t at = 0; at < block->count; at++) {
        char *start;
        Py_ssize_t size;
        if (PyBytes_AsStringAndSize(PyTuple_GetItem(lines, at), &start, &size) < 0) return false;
        take_line(block, at, start, (size_t)size);
    }
    return true;
}

/* Take lines, in memory that is freed by whoever owns the block; false with an exception. */
static bool take_lines(Block *block, PyObject *lines, const char *text, Py_ssize_t size) {
    size_t places = 8, count = (size_t)block->count;
    const byte **memory;
    while (places <= count) places *= 2;
    places *= 2; /* so that half of them or more are free */
    memory = PyMem_Calloc(4 * count + 2 * places, sizeof *memory);
    block->starts = memory;
    if (!memory) return PyErr_NoMemory() != NULL;
    block->sizes = (size_t *)(memory + count);
    block->declined = (Py_ssize_t *)(memory + 2 * count);
    block->accounts = (Texts){memory + 4 * count, places, ACCOUNT_BYTES};
    block->dates = (Texts){memory + 4 * count + places, places, DATE_BYTES};
    block->capacity = LEAD_BYTES;
    if (text) take_text(block, text, text + size);
    else if (!take_each(block, lines)) return false;
    block->out = PyMem_Malloc(block->capacity);
    return block->out || PyErr_NoMemory() != NULL;
}

static PyObject *results_of(const Block *block) {
    PyObject *text = PyBytes_FromStringAndSize((const char *)block->out, (Py_ssize_t)block->written);
    PyObject *declined = list_of(block->declined, 2 * block->declined_count);
    PyObject *accounts = set_of(&block->accounts), *dates = set_of(&block->dates), *results = NULL;
    if (text && declined && accounts && dates) results = PyTuple_Pack(4, text, declined, accounts, dates);
    Py_XDECREF(text);
    Py_XDECREF(declined);
    Py_XDECREF(accounts);
    Py_XDECREF(dates);
    return results;
}

static PyObject *read_lines(PyObject *module, PyObject *args) {
    PyObject *capsule, *given, *lines, *results = NULL;
    Block block = {0};
    Py_ssize_t longest, size = 0;
    char *text = NULL; /* of all lines, if they are one */
    (void)module;
    if (!PyArg_ParseTuple(args, "OOn", &capsule, &given, &longest)) return NULL;
    block.table = PyCapsule_GetPointer(capsule, TABLE);
    if (!block.table) return NULL;
    if (PyBytes_Check(given)) {
        lines = Py_NewRef(given);
        if (PyBytes_AsStringAndSize(lines, &text, &size) == 0) block.count = lines_of(text, text + size);
    } else {
        lines = PySequence_Tuple(given);
        if (!lines) return NULL;
        block.count = PyTuple_Size(lines);
    }
    block.longest = (size_t)longest;
    if (block.count > MOST_LINES || longest < 0 || longest > LONGEST_BYTES)
        PyErr_SetString(PyExc_ValueError, "these are too many lines, or too long ones");
    else if (take_lines(&block, lines, text, size)) {
        Py_BEGIN_ALLOW_THREADS
        read_block(&block);
        Py_END_ALLOW_THREADS
        results = results_of(&block);
    }
    PyMem_Free(block.out);
    PyMem_Free(block.starts);
    Py_DECREF(lines);
    return results;
}

static PyMethodDef methods[] = {
    {"table", make_table, METH_VARARGS, "Return the table of a resource type."},
    {"read", read_lines, METH_VARARGS, "Return the text of lines, those that are declined, accounts and dates."},
    {NULL, NULL, 0, NULL},
};

static PyModuleDef_Slot slots[] = {{0, NULL}};

static struct PyModuleDef definition = {
    .m_base = PyModuleDef_HEAD_INIT, .m_name = "plain_lines", .m_methods = methods, .m_slots = slots};

PyMODINIT_FUNC PyInit_plain_lines(void) { return PyModuleDef_Init(&definition); }
