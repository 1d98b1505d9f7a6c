internal import Provenance

/// What tells one checkpoint from another: its configuration, and each part's tensors as
/// ``WeightReader`` has seen them.
enum CheckpointFingerprint {
  /// Every file of a folder that the engine reads besides weights. Those that are absent count as such.
  private static let configuration = [
    "model_index.json", "scheduler/scheduler_config.json", "text_encoder/config.json",
    "tokenizer/added_tokens.json", "tokenizer/merges.txt", "tokenizer/special_tokens_map.json",
    "tokenizer/tokenizer.json", "tokenizer/tokenizer_config.json", "tokenizer/vocab.json",
    "unet/config.json", "vae/config.json",
  ]

  static func compute(
    directory: String, parts: [Fingerprint]
  ) throws(DiffusionError) -> Fingerprint {
    guard let builder = Fingerprint.Builder() else {
      throw .outOfMemory("not enough memory for a fingerprint")
    }
    for name in Self.configuration {
      let path = "\(directory)/\(name)"
      guard CheckpointFile.exists(path) else { continue }
      builder.append(name)
      builder.append(try CheckpointFile(path: path).contents(limit: BytePairFiles.largestFile))
    }
    for part in parts { builder.append("\(part)") }
    return builder.fingerprint()
  }
}
