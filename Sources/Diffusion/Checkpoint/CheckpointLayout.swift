internal import Provenance

/// Where the parts of a checkpoint lie: a folder, or one file.
protocol CheckpointLayout {
  /// The folder or the file.
  var path: String { get }
  var pipelineClass: String { get }
  /// What its index says that is not heeded.
  var warnings: [String] { get }

  func className(of part: CheckpointPartName) throws(DiffusionError) -> String
  /// The configuration of U-Net, autoencoder or text encoder, and its weights.
  func part(_ part: CheckpointPartName) throws(DiffusionError) -> CheckpointPart
  func scheduler() throws(DiffusionError) -> ConfigReader
  /// No encoding exceeds what the text encoder takes.
  func tokenizer(
    maximumLength: Int, vocabularySize: Int
  ) throws(DiffusionError) -> CLIPTokenizer
  /// Of the configuration and of `parts`, the fingerprints of the weights.
  func fingerprint(_ parts: [Fingerprint]) throws(DiffusionError) -> Fingerprint
}

/// The parts as `model_index.json` names them.
enum CheckpointPartName: String {
  case unet
  case autoencoder = "vae"
  case textEncoder = "text_encoder"
  case tokenizer
  case scheduler
}
