internal import Provenance

/// What a LoRA's file is, whatever model it is used with.
public struct AdapterInfo: Sendable, Hashable {
  /// The largest of its layers'.
  public let rank: Int
  /// Layers that it changes.
  public let layers: Int
  /// Whether some of them are the text encoder's.
  public let changesTextEncoder: Bool
  /// 16 hex digits that tell it from others.
  public let fingerprint: String

  /// Opens the file, and reads names, shapes and samples.
  ///
  /// Throws `checkpoint` that says what else it is, or what is wrong with it.
  public init(path: String) throws(DiffusionError) {
    let file = try LoRAFile(path: path)
    rank = file.rank
    layers = file.layerCount
    changesTextEncoder = file.changesTextEncoder
    fingerprint = try file.fingerprint().description
  }
}
