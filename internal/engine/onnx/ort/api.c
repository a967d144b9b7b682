#include "slots.h"

#include <stdlib.h>
#include <string.h>

#ifdef __GLIBC__
#include <malloc.h>
#endif

// ort_base is OrtApiBase, the structure that OrtGetApiBase returns.
typedef struct {
  const tw_function *(ORT_CALL *get_api)(uint32_t version);
  const char *(ORT_CALL *version)(void);
} ort_base;

typedef const ort_base *(ORT_CALL *get_base_function)(void);

const char *tw_version(void *get_api_base) { return ((get_base_function)get_api_base)()->version(); }

// limit_malloc_cache limits the freed memory that the C library keeps. glibc raises its
// two thresholds with each large block that is freed, up to 64 MB for the top of each
// arena. Every thread may have its own arena, and malloc_trim shrinks the top of the main
// one only. glibc shrinks the others when an adjacent block is freed, but not when that is
// deferred, as for small blocks in fast bins (M_MXFAST). The cost for runs is negligible:
// their large blocks come from the runtime's own arena, their small ones from per-thread
// caches.
static void limit_malloc_cache(void) {
#ifdef __GLIBC__
  mallopt(M_MMAP_THRESHOLD, 1 << 20);
  mallopt(M_TRIM_THRESHOLD, 2 << 20);
  mallopt(M_MXFAST, 0);
#endif
}

int tw_open(tw_library *l, void *get_api_base, OrtStatus **failure) {
  enum { severity_fatal = 4, device_allocator = 0, default_memory = 0 };
  limit_malloc_cache();
  l->api = ((get_base_function)get_api_base)()->get_api(TW_API_VERSION);
  if (l->api == NULL) return 0;
  OrtStatus *s = ORT(l, CreateEnv)(severity_fatal, "tensorwire", &l->env);
  if (s == NULL) s = ORT(l, CreateCpuMemoryInfo)(device_allocator, default_memory, &l->cpu);
  if (s == NULL) s = ORT(l, GetAllocatorWithDefaultOptions)(&l->allocator);
  if (s != NULL) tw_close(l);
  *failure = s;
  return 1;
}

void tw_close(tw_library *l) {
  if (l->cpu != NULL) ORT(l, ReleaseMemoryInfo)(l->cpu);
  if (l->env != NULL) ORT(l, ReleaseEnv)(l->env);
  l->cpu = NULL;
  l->env = NULL;
}

int tw_code(const tw_library *l, const OrtStatus *status) { return ORT(l, GetErrorCode)(status); }

const char *tw_message(const tw_library *l, const OrtStatus *status) { return ORT(l, GetErrorMessage)(status); }

void tw_release_status(const tw_library *l, OrtStatus *status) { ORT(l, ReleaseStatus)(status); }

// set_run_options returns whether it could create the options of the call's runs.
static int set_run_options(tw_call *c, int shrink) {
  const tw_library *l = c->library;
  OrtStatus *s = ORT(l, CreateRunOptions)(&c->options);
  if (s == NULL && shrink)
    s = ORT(l, AddRunConfigEntry)(c->options, "memory.enable_memory_arena_shrinkage", "cpu:0");
  if (s != NULL) ORT(l, ReleaseStatus)(s);
  return s == NULL;
}

tw_call *tw_new_call(const tw_library *l, OrtSession *session, const char *const *names, size_t inputs, size_t outputs,
                     int shrink) {
  tw_call *c = calloc(1, sizeof *c);
  if (c == NULL) return NULL;
  c->library = l;
  c->session = session;
  c->names = names;
  c->inputs = inputs;
  c->outputs = outputs;
  // One more of each: an allocation of no bytes may return NULL.
  c->tensors = calloc(inputs + outputs + 1, sizeof *c->tensors);
  c->values = calloc(inputs + outputs + 1, sizeof *c->values);
  c->given_names = calloc(inputs + 1, sizeof *c->given_names);
  c->given = calloc(inputs + 1, sizeof *c->given);
  if (c->tensors == NULL || c->values == NULL || c->given_names == NULL || c->given == NULL || !set_run_options(c, shrink)) {
    tw_free_call(c);
    return NULL;
  }
  return c;
}

void tw_free_call(tw_call *c) {
  if (c->options != NULL) ORT(c->library, ReleaseRunOptions)(c->options);
  free(c->tensors);
  free(c->values);
  free(c->given_names);
  free(c->given);
  free(c);
}

// read_length returns the little-endian number at p.
static size_t read_length(const unsigned char *p) {
  return (size_t)p[0] | (size_t)p[1] << 8 | (size_t)p[2] << 16 | (size_t)p[3] << 24;
}

static void write_length(unsigned char *p, size_t n) {
  for (int i = 0; i < 4; i++) p[i] = (unsigned char)(n >> 8 * i);
}

enum { length_size = 4 };

// make_strings creates a tensor of strings from the raw encoding of BYTES. It checks every
// length, although the data was validated before: another process may have changed it in
// shared memory.
static OrtStatus *make_strings(tw_call *c, const tw_tensor *t, OrtValue **value) {
  const tw_library *l = c->library;
  OrtStatus *s = ORT(l, CreateTensorAsOrtValue)(l->allocator, t->shape, t->rank, TW_STRING, value);
  const unsigned char *p = (const unsigned char *)t->data;
  size_t left = t->bytes;
  for (size_t i = 0; s == NULL && i < t->elements; i++) {
    size_t length = left < length_size ? 0 : read_length(p);
    if (left < length_size || length > left - length_size) {
      c->fault = TW_BAD_STRINGS;
      return NULL;
    }
    char *buffer = NULL;
    s = ORT(l, GetResizedStringTensorElementBuffer)(*value, i, length, &buffer);
    if (s == NULL && length > 0) memcpy(buffer, p + length_size, length);
    p += length_size + length;
    left -= length_size + length;
  }
  if (s == NULL && left > 0) c->fault = TW_BAD_STRINGS;
  return s;
}

static OrtStatus *make_value(tw_call *c, const tw_tensor *t, OrtValue **value) {
  if (t->elem == TW_STRING) return make_strings(c, t, value);
  return ORT(c->library, CreateTensorWithDataAsOrtValue)(c->library->cpu, (void *)t->data, t->bytes, t->shape, t->rank,
                                                         t->elem, value);
}

// describe fills t with the description of an output that the runtime allocated.
static OrtStatus *describe(tw_call *c, tw_tensor *t) {
  const tw_library *l = c->library;
  OrtTensorTypeAndShapeInfo *info = NULL;
  if (t->keys > 0) return tw_describe_maps(l, t);
  OrtStatus *s = ORT(l, GetTensorTypeAndShape)(t->value, &info);
  if (s != NULL) return s;
  s = ORT(l, GetTensorElementType)(info, &t->elem);
  if (s == NULL) s = ORT(l, GetDimensionsCount)(info, &t->rank);
  if (s == NULL && t->rank > TW_MAX_RANK) c->fault = TW_RANK_TOO_HIGH;
  if (s == NULL && c->fault == TW_NO_FAULT) s = ORT(l, GetDimensions)(info, t->shape, t->rank);
  ORT(l, ReleaseTensorTypeAndShapeInfo)(info);
  if (s != NULL || c->fault != TW_NO_FAULT) return s;
  if (t->elem == TW_STRING) return ORT(l, GetStringTensorDataLength)(t->value, &t->bytes);
  return ORT(l, GetTensorMutableData)(t->value, &t->contents);
}

// run_session runs the model with the inputs that are given.
static OrtStatus *run_session(tw_call *c) {
  size_t given = 0;
  for (size_t i = 0; i < c->inputs; i++) {
    if (c->values[i] == NULL) continue;
    c->given_names[given] = c->names[i];
    c->given[given++] = c->values[i];
  }
  return ORT(c->library, Run)(c->session, c->options, c->given_names, (const OrtValue *const *)c->given, given,
                              c->names + c->inputs, c->outputs, c->values + c->inputs);
}

OrtStatus *tw_run(tw_call *c) {
  const tw_library *l = c->library;
  OrtStatus *s = NULL;
  size_t all = c->inputs + c->outputs;
  c->fault = TW_NO_FAULT;
  memset(c->values, 0, all * sizeof *c->values);
  for (size_t i = 0; s == NULL && c->fault == TW_NO_FAULT && i < all; i++) {
    c->failed = i;
    if (c->tensors[i].elem != 0) s = make_value(c, &c->tensors[i], &c->values[i]);
  }
  int run = s == NULL && c->fault == TW_NO_FAULT;
  if (run) s = run_session(c);
  for (size_t i = 0; i < all; i++) {
    tw_tensor *t = &c->tensors[i];
    if (i < c->inputs || t->elem != 0 || !run) {
      if (c->values[i] != NULL) ORT(l, ReleaseValue)(c->values[i]);
      continue;
    }
    t->value = c->values[i];
    if (s != NULL || c->fault != TW_NO_FAULT) continue;
    c->failed = i;
    s = describe(c, t);
  }
  if (s != NULL || c->fault != TW_NO_FAULT) tw_release(c);
  return s;
}

// ignore releases the status of a function that fails only without an object.
static void ignore(const tw_library *l, OrtStatus *s) {
  if (s != NULL) ORT(l, ReleaseStatus)(s);
}

void tw_terminate(tw_call *c) { ignore(c->library, ORT(c->library, RunOptionsSetTerminate)(c->options)); }

void tw_resume(tw_call *c) { ignore(c->library, ORT(c->library, RunOptionsUnsetTerminate)(c->options)); }

OrtStatus *tw_read_strings(tw_call *c, size_t i, size_t elements, void *data) {
  const tw_library *l = c->library;
  const tw_tensor *t = &c->tensors[i];
  size_t *offsets = malloc(elements * sizeof *offsets);
  c->failed = i;
  c->fault = offsets == NULL ? TW_NO_MEMORY : TW_NO_FAULT;
  if (offsets == NULL) return NULL;
  // The strings are read into the end of data, and then moved to their places from first
  // to last. The space before a string always fits the lengths of those that follow, so
  // that no string is overwritten before it has moved.
  unsigned char *to = data, *from = to + elements * length_size;
  OrtStatus *s = ORT(l, GetStringTensorContent)(t->value, from, t->bytes, offsets, elements);
  for (size_t e = 0; s == NULL && e < elements; e++) {
    size_t end = e + 1 < elements ? offsets[e + 1] : t->bytes;
    size_t length = end - offsets[e];
    memmove(to + length_size, from + offsets[e], length);
    write_length(to, length);
    to += length_size + length;
  }
  free(offsets);
  return s;
}

void tw_release(tw_call *c) {
  for (size_t i = c->inputs; i < c->inputs + c->outputs; i++) {
    tw_tensor *t = &c->tensors[i];
    if (t->value != NULL) ORT(c->library, ReleaseValue)(t->value);
    t->value = NULL;
  }
}

void tw_trim(void) {
#ifdef __GLIBC__
  malloc_trim(0);
#endif
}
