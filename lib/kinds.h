#pragma once
/* The kinds this build knows: what the door may know of a kind is its name and its schema. */

#include "embedded.h"

/* NULL when there is none. The whole list is schema_files[]: text = schemas/<kind>.json. */
const struct embedded *kind_schema(struct span name);
