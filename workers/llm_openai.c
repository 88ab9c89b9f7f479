#include "llm_wire.h"
