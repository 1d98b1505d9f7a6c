#include "CCores.h"
