#include "llm.h"
