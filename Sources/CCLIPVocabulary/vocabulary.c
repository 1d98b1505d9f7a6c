#include "CCLIPVocabulary.h"

#pragma clang diagnostic ignored "-Wc23-extensions"

static const unsigned char merges[] = {
#embed "merges.txt"
};

const unsigned char *clip_vocabulary_merges(void) { return merges; }

size_t clip_vocabulary_size(void) { return sizeof merges; }
