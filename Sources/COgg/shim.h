#pragma once

// One module for the three: each of the files' headers brings ogg.h.
#include <ogg/ogg.h>
#include <opusfile.h>
#include <vorbis/vorbisfile.h>
