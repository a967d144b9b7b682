#include "slots.h"

// start_arena makes the session's arena allocate its first region, of 1 MB. The arena never
// frees that one: if the first run made it, it would have the size of what that run needs.
static OrtStatus *start_arena(const tw_library *l, const OrtSession *session) {
  OrtAllocator *arena = NULL;
  void *p = NULL;
  OrtStatus *s = ORT(l, CreateAllocator)(session, l->cpu, &arena);
  if (s != NULL) return s;
  s = ORT(l, AllocatorAlloc)(arena, 1, &p);
  if (s == NULL) s = ORT(l, AllocatorFree)(arena, p);
  ORT(l, ReleaseAllocator)(arena);
  return s;
}

OrtStatus *tw_open_session(const tw_library *l, const void *path, const tw_options *o, OrtSession **session) {
  OrtSessionOptions *options = NULL;
  OrtStatus *s = ORT(l, CreateSessionOptions)(&options);
  if (s != NULL) return s;
  s = ORT(l, SetIntraOpNumThreads)(options, o->intra_op_threads);
  if (s == NULL) s = ORT(l, SetInterOpNumThreads)(options, o->inter_op_threads);
  if (s == NULL) s = ORT(l, SetSessionExecutionMode)(options, o->mode);
  if (s == NULL) s = ORT(l, SetSessionGraphOptimizationLevel)(options, o->level);
  if (s == NULL && o->no_arena) s = ORT(l, DisableCpuMemArena)(options);
  if (s == NULL && o->no_pattern) s = ORT(l, DisableMemPattern)(options);
  for (size_t i = 0; s == NULL && i + 1 < o->config_length; i += 2)
    s = ORT(l, AddSessionConfigEntry)(options, o->config[i], o->config[i + 1]);
  if (s == NULL) s = ORT(l, CreateSession)(l->env, (const tw_path *)path, options, session);
  ORT(l, ReleaseSessionOptions)(options);
  if (s != NULL || o->no_arena) return s;
  s = start_arena(l, *session);
  if (s != NULL) ORT(l, ReleaseSession)(*session);
  return s;
}

void tw_close_session(const tw_library *l, OrtSession *session) { ORT(l, ReleaseSession)(session); }

OrtStatus *tw_overridable(const tw_library *l, const OrtSession *session, size_t *count) {
  return ORT(l, SessionGetOverridableInitializerCount)(session, count);
}

OrtStatus *tw_overridable_name(const tw_library *l, const OrtSession *session, size_t i, char **name) {
  return ORT(l, SessionGetOverridableInitializerName)(session, i, l->allocator, name);
}

void tw_free_name(const tw_library *l, char *name) {
  OrtStatus *s = ORT(l, AllocatorFree)(l->allocator, name);
  if (s != NULL) ORT(l, ReleaseStatus)(s);
}
