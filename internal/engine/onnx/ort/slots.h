// Calls of the functions in api.h.
#ifndef TENSORWIRE_ORT_SLOTS_H
#define TENSORWIRE_ORT_SLOTS_H

#include "api.h"

// The slot of each function, and its pointer type.
#define FUNCTION(slot, name, result, ...) \
  enum { name##Slot = slot };             \
  typedef result(ORT_CALL *name##Function)(__VA_ARGS__);
ORT_FUNCTIONS(FUNCTION)
#undef FUNCTION

#define ORT(library, name) ((name##Function)(library)->api[name##Slot])

#endif
