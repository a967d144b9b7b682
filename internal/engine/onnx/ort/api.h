// The part of ONNX Runtime's C API that this package uses, and the C functions that Go
// calls. Each does as much work as possible within one call from Go into C.
#ifndef TENSORWIRE_ORT_API_H
#define TENSORWIRE_ORT_API_H

#include <stddef.h>
#include <stdint.h>

#ifdef _WIN32
#include <wchar.h>
#define ORT_CALL __stdcall
typedef wchar_t tw_path;
#else
#define ORT_CALL
typedef char tw_path;
#endif

// The runtime's own objects, opaque here.
typedef struct OrtEnv OrtEnv;
typedef struct OrtStatus OrtStatus;
typedef struct OrtSession OrtSession;
typedef struct OrtSessionOptions OrtSessionOptions;
typedef struct OrtRunOptions OrtRunOptions;
typedef struct OrtValue OrtValue;
typedef struct OrtTensorTypeAndShapeInfo OrtTensorTypeAndShapeInfo;
typedef struct OrtMemoryInfo OrtMemoryInfo;
typedef struct OrtAllocator OrtAllocator;

// The C API is a table of function pointers. New versions only append to it: the slot of
// a function, its index in the table, is the same in all versions. Each line is
// FUNCTION(slot, name, result, arguments). slots_test.go verifies every slot by the
// behavior of its function. Enumerations are passed as int, their type in C.
#define ORT_FUNCTIONS(FUNCTION)                                                                           \
  FUNCTION(1, GetErrorCode, int, const OrtStatus *)                                                       \
  FUNCTION(2, GetErrorMessage, const char *, const OrtStatus *)                                           \
  FUNCTION(3, CreateEnv, OrtStatus *, int severity, const char *log_id, OrtEnv **)                        \
  FUNCTION(7, CreateSession, OrtStatus *, const OrtEnv *, const tw_path *, const OrtSessionOptions *,     \
           OrtSession **)                                                                                 \
  FUNCTION(9, Run, OrtStatus *, OrtSession *, const OrtRunOptions *, const char *const *input_names,      \
           const OrtValue *const *inputs, size_t input_count, const char *const *output_names,            \
           size_t output_count, OrtValue **outputs)                                                       \
  FUNCTION(10, CreateSessionOptions, OrtStatus *, OrtSessionOptions **)                                   \
  FUNCTION(13, SetSessionExecutionMode, OrtStatus *, OrtSessionOptions *, int mode)                       \
  FUNCTION(17, DisableMemPattern, OrtStatus *, OrtSessionOptions *)                                       \
  FUNCTION(19, DisableCpuMemArena, OrtStatus *, OrtSessionOptions *)                                      \
  FUNCTION(23, SetSessionGraphOptimizationLevel, OrtStatus *, OrtSessionOptions *, int level)             \
  FUNCTION(24, SetIntraOpNumThreads, OrtStatus *, OrtSessionOptions *, int threads)                       \
  FUNCTION(25, SetInterOpNumThreads, OrtStatus *, OrtSessionOptions *, int threads)                       \
  FUNCTION(32, SessionGetOverridableInitializerCount, OrtStatus *, const OrtSession *, size_t *count)     \
  FUNCTION(38, SessionGetOverridableInitializerName, OrtStatus *, const OrtSession *, size_t index,       \
           OrtAllocator *, char **name)                                                                   \
  FUNCTION(39, CreateRunOptions, OrtStatus *, OrtRunOptions **)                                           \
  FUNCTION(46, RunOptionsSetTerminate, OrtStatus *, OrtRunOptions *)                                      \
  FUNCTION(47, RunOptionsUnsetTerminate, OrtStatus *, OrtRunOptions *)                                    \
  FUNCTION(48, CreateTensorAsOrtValue, OrtStatus *, OrtAllocator *, const int64_t *shape, size_t rank,    \
           int elem, OrtValue **)                                                                         \
  FUNCTION(49, CreateTensorWithDataAsOrtValue, OrtStatus *, const OrtMemoryInfo *, void *data,            \
           size_t bytes, const int64_t *shape, size_t rank, int elem, OrtValue **)                        \
  FUNCTION(51, GetTensorMutableData, OrtStatus *, OrtValue *, void **data)                                \
  FUNCTION(53, GetStringTensorDataLength, OrtStatus *, const OrtValue *, size_t *bytes)                   \
  FUNCTION(54, GetStringTensorContent, OrtStatus *, const OrtValue *, void *content, size_t bytes,        \
           size_t *offsets, size_t elements)                                                              \
  FUNCTION(60, GetTensorElementType, OrtStatus *, const OrtTensorTypeAndShapeInfo *, int *elem)           \
  FUNCTION(61, GetDimensionsCount, OrtStatus *, const OrtTensorTypeAndShapeInfo *, size_t *rank)          \
  FUNCTION(62, GetDimensions, OrtStatus *, const OrtTensorTypeAndShapeInfo *, int64_t *shape,             \
           size_t rank)                                                                                   \
  FUNCTION(64, GetTensorShapeElementCount, OrtStatus *, const OrtTensorTypeAndShapeInfo *, size_t *count) \
  FUNCTION(65, GetTensorTypeAndShape, OrtStatus *, const OrtValue *, OrtTensorTypeAndShapeInfo **)        \
  FUNCTION(69, CreateCpuMemoryInfo, OrtStatus *, int allocator, int memory, OrtMemoryInfo **)             \
  FUNCTION(75, AllocatorAlloc, OrtStatus *, OrtAllocator *, size_t bytes, void **)                        \
  FUNCTION(76, AllocatorFree, OrtStatus *, OrtAllocator *, void *)                                        \
  FUNCTION(78, GetAllocatorWithDefaultOptions, OrtStatus *, OrtAllocator **)                              \
  FUNCTION(80, GetValue, OrtStatus *, const OrtValue *, int index, OrtAllocator *, OrtValue **)           \
  FUNCTION(81, GetValueCount, OrtStatus *, const OrtValue *, size_t *count)                               \
  FUNCTION(92, ReleaseEnv, void, OrtEnv *)                                                                \
  FUNCTION(93, ReleaseStatus, void, OrtStatus *)                                                          \
  FUNCTION(94, ReleaseMemoryInfo, void, OrtMemoryInfo *)                                                  \
  FUNCTION(95, ReleaseSession, void, OrtSession *)                                                        \
  FUNCTION(96, ReleaseValue, void, OrtValue *)                                                            \
  FUNCTION(97, ReleaseRunOptions, void, OrtRunOptions *)                                                  \
  FUNCTION(99, ReleaseTensorTypeAndShapeInfo, void, OrtTensorTypeAndShapeInfo *)                          \
  FUNCTION(100, ReleaseSessionOptions, void, OrtSessionOptions *)                                         \
  FUNCTION(130, AddSessionConfigEntry, OrtStatus *, OrtSessionOptions *, const char *key,                 \
           const char *value)                                                                             \
  FUNCTION(131, CreateAllocator, OrtStatus *, const OrtSession *, const OrtMemoryInfo *, OrtAllocator **) \
  FUNCTION(132, ReleaseAllocator, void, OrtAllocator *)                                                   \
  FUNCTION(165, AddRunConfigEntry, OrtStatus *, OrtRunOptions *, const char *key, const char *value)      \
  FUNCTION(252, GetResizedStringTensorElementBuffer, OrtStatus *, OrtValue *, size_t index,               \
           size_t bytes, char **data)

// TW_API_VERSION is the first version of the C API with all of these functions: ONNX
// Runtime 1.15 added GetResizedStringTensorElementBuffer.
enum { TW_API_VERSION = 15 };

typedef void (*tw_function)(void);

// tw_library is a loaded library with its environment.
typedef struct {
  const tw_function *api;
  OrtEnv *env;
  OrtMemoryInfo *cpu;       // marks memory as CPU memory
  OrtAllocator *allocator;  // for strings and the values of maps; owned by the runtime, not released here
} tw_library;

// tw_options are the settings of a session, in the C API's numbers.
typedef struct {
  int intra_op_threads, inter_op_threads;  // 0: one for each core
  int mode;                                // 0: sequential, 1: parallel
  int level;                               // of graph optimization
  int no_arena, no_pattern;                // disable the memory arena, memory patterns
  const char *const *config;               // keys, each followed by its value
  size_t config_length;                    // number of keys and values
} tw_options;

// TW_MAX_RANK is the highest rank of a supported tensor. numpy has the same limit.
enum { TW_MAX_RANK = 64 };

// TW_STRING is the element type of strings.
enum { TW_STRING = 8 };

// tw_tensor is an input or output of a call.
typedef struct {
  int elem;         // ONNX's element type (TensorProto.DataType); 0 in an output: the runtime allocates it, in an
                    // input: it is not given
  size_t keys;      // of an output that is a sequence of maps: the keys of each; 0 for a tensor
  size_t elements;  // of the shape, for inputs
  size_t rank;
  int64_t shape[TW_MAX_RANK];
  // Go's memory, pinned by Go for the call. It is not a pointer, so that Go's garbage
  // collector never follows a stale one after the call.
  uintptr_t data;
  size_t bytes;     // of data; of strings that the runtime allocated, without their lengths
  OrtValue *value;  // an output that the runtime allocated, until the call is released
  void *contents;   // the elements of value, unless they are strings
} tw_tensor;

// Reasons for a failed call other than a failure of the runtime.
enum { TW_NO_FAULT, TW_BAD_STRINGS, TW_RANK_TOO_HIGH, TW_NO_MEMORY, TW_BAD_MAPS };

// tw_call is the state of one run. Callers reuse it, one at a time.
typedef struct {
  const tw_library *library;
  OrtSession *session;
  OrtRunOptions *options;    // of its runs: the terminate flag, and whether they shrink the arena
  const char *const *names;  // of the inputs, then of the outputs
  size_t inputs, outputs;    // their numbers
  tw_tensor *tensors;        // the inputs, then the outputs
  OrtValue **values;         // likewise
  const char **given_names;  // of the inputs of a run that are given, and their values
  OrtValue **given;
  int fault;
  size_t failed;             // index in tensors of the one at fault
} tw_call;

// tw_version returns the version of the library whose OrtGetApiBase is given.
const char *tw_version(void *get_api_base);

// tw_open initializes a zeroed library. It returns 0 when the library is older than
// TW_API_VERSION. After a failure it has released everything but the status, which the
// caller owns.
int tw_open(tw_library *l, void *get_api_base, OrtStatus **failure);
void tw_close(tw_library *l);

int tw_code(const tw_library *l, const OrtStatus *status);
const char *tw_message(const tw_library *l, const OrtStatus *status);
void tw_release_status(const tw_library *l, OrtStatus *status);

// tw_open_session loads the model at path, a tw_path.
OrtStatus *tw_open_session(const tw_library *l, const void *path, const tw_options *o, OrtSession **session);
void tw_close_session(const tw_library *l, OrtSession *session);

// tw_overridable returns the number of initializers that runs may override, and
// tw_overridable_name the name of one, which tw_free_name frees.
OrtStatus *tw_overridable(const tw_library *l, const OrtSession *session, size_t *count);
OrtStatus *tw_overridable_name(const tw_library *l, const OrtSession *session, size_t i, char **name);
void tw_free_name(const tw_library *l, char *name);

// tw_new_call returns NULL when memory is exhausted. names outlive the call. With shrink
// set, every run ends by freeing the unused memory of the session's arena.
tw_call *tw_new_call(const tw_library *l, OrtSession *session, const char *const *names, size_t inputs, size_t outputs,
                     int shrink);
void tw_free_call(tw_call *c);

// tw_run creates values for the inputs and for the outputs with an element type, runs the
// model, and describes the outputs that the runtime allocated. It releases all other
// values, and after a failure those as well.
OrtStatus *tw_run(tw_call *c);

// tw_terminate makes a run end with an error before its next operator: the one that runs
// on another thread, or the next one. tw_resume undoes it.
void tw_terminate(tw_call *c);
void tw_resume(tw_call *c);

// tw_read_strings writes the output at index i of tensors, strings that the runtime
// allocated, in the raw encoding of BYTES. elements is the product of its shape, more
// than 0, and data has room for its bytes and a length for each element.
OrtStatus *tw_read_strings(tw_call *c, size_t i, size_t elements, void *data);

// tw_describe_maps fills t with the description of a sequence of maps from a key to a
// float: as a matrix of floats, with a row for each map and a column for each key.
OrtStatus *tw_describe_maps(const tw_library *l, tw_tensor *t);

// tw_read_maps writes rows of such a matrix, from the row first on. The value of the key k,
// in the order of the keys, is written to the column columns[k]. A map with another number
// of keys is the fault TW_BAD_MAPS.
OrtStatus *tw_read_maps(tw_call *c, size_t i, size_t first, size_t rows, const size_t *columns, float *data);

// tw_release releases the outputs that the runtime allocated.
void tw_release(tw_call *c);

// tw_trim returns free memory that the C library keeps to the system.
void tw_trim(void);

#endif
