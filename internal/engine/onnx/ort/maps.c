#include "slots.h"

// The element types of floats, as TensorProto.DataType has them.
enum { float_element = 1 };

OrtStatus *tw_describe_maps(const tw_library *l, tw_tensor *t) {
  size_t rows = 0;
  OrtStatus *s = ORT(l, GetValueCount)(t->value, &rows);
  t->elem = float_element;
  t->rank = 2;
  t->shape[0] = (int64_t)rows;
  t->shape[1] = (int64_t)t->keys;
  return s;
}

// count_floats counts the elements of a tensor; 0 when they are no floats.
static OrtStatus *count_floats(const tw_library *l, const OrtValue *values, size_t *count) {
  OrtTensorTypeAndShapeInfo *info = NULL;
  int elem = 0;
  OrtStatus *s = ORT(l, GetTensorTypeAndShape)(values, &info);
  if (s != NULL) return s;
  s = ORT(l, GetTensorElementType)(info, &elem);
  if (s == NULL) s = ORT(l, GetTensorShapeElementCount)(info, count);
  if (elem != float_element) *count = 0;
  ORT(l, ReleaseTensorTypeAndShapeInfo)(info);
  return s;
}

// read_map writes the values of one map to a row.
static OrtStatus *read_map(tw_call *c, const OrtValue *map, const tw_tensor *t, const size_t *columns, float *row) {
  enum { values_of_map = 1 };
  const tw_library *l = c->library;
  OrtValue *values = NULL;
  void *contents = NULL;
  size_t count = 0;
  OrtStatus *s = ORT(l, GetValue)(map, values_of_map, l->allocator, &values);
  if (s != NULL) return s;
  s = count_floats(l, values, &count);
  if (s == NULL && count != t->keys) c->fault = TW_BAD_MAPS;
  if (s == NULL && count == t->keys) s = ORT(l, GetTensorMutableData)(values, &contents);
  for (size_t k = 0; contents != NULL && k < count; k++) row[columns[k]] = ((const float *)contents)[k];
  ORT(l, ReleaseValue)(values);
  return s;
}

OrtStatus *tw_read_maps(tw_call *c, size_t i, size_t first, size_t rows, const size_t *columns, float *data) {
  const tw_library *l = c->library;
  const tw_tensor *t = &c->tensors[i];
  OrtStatus *s = NULL;
  c->failed = i;
  c->fault = TW_NO_FAULT;
  for (size_t r = 0; s == NULL && c->fault == TW_NO_FAULT && r < rows; r++) {
    OrtValue *map = NULL;
    s = ORT(l, GetValue)(t->value, (int)(first + r), l->allocator, &map);
    if (s != NULL) break;
    s = read_map(c, map, t, columns, data + r * t->keys);
    ORT(l, ReleaseValue)(map);
  }
  return s;
}
