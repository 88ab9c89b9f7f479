#pragma once
/* The worker process: claims jobs of one kind, beats, reaps, drains. */

#include <stdint.h>

#include "base.h"

struct worker;
