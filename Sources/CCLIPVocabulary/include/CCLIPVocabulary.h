#ifndef CCLIP_VOCABULARY_H
#define CCLIP_VOCABULARY_H

#include <stddef.h>

/// CLIP's byte-pair merges, `merges.txt` of its tokenizer: UTF-8, two symbols a line, in the order of
/// their rank. From OpenAI's CLIP (MIT, see LICENSE beside merges.txt).
const unsigned char *_Nonnull clip_vocabulary_merges(void);

/// Bytes of them.
size_t clip_vocabulary_size(void);

#endif
