internal import Provenance

/// A checkpoint in diffusers' layout: `model_index.json`, and a folder for each part.
struct DiffusersFolder: CheckpointLayout {
  let path: String
  let pipelineClass: String
  private let index: ConfigReader

  init(path: String) throws(DiffusionError) {
    self.path = path
    index = try ConfigReader(path: "\(path)/model_index.json")
    pipelineClass = try index.string("_class_name")
  }

  /// The parts that `model_index.json` lists and nobody here reads.
  var warnings: [String] {
    var warnings: [String] = []
    let known: Set = [
      "vae", "text_encoder", "tokenizer", "unet", "scheduler", "safety_checker",
      "feature_extractor", "image_encoder", "requires_safety_checker",
    ]
    if let warning = index.warning(besides: known, of: pipelineClass) { warnings.append(warning) }
    if case .array(let entry) = index.present("safety_checker"), case .string = entry.last {
      warnings.append("\(index.file): safety_checker is not run")
    }
    return warnings
  }

  func className(of part: CheckpointPartName) throws(DiffusionError) -> String {
    guard case .array(let entry) = index.present(part.rawValue), entry.count == 2,
      case .string(let name) = entry[1]
    else {
      throw index.failure(part.rawValue, "must be a library and a class")
    }
    return name
  }

  func part(_ part: CheckpointPartName) throws(DiffusionError) -> CheckpointPart {
    let folder = "\(path)/\(part.rawValue)"
    if part == .autoencoder, try className(of: part) == "AutoencoderTiny" {
      return try AutoencoderFiles(path: folder).part
    }
    let config = try ConfigReader(path: "\(folder)/config.json")
    let weights =
      part == .textEncoder
      ? try WeightReader(folder: folder, stem: "model", torchStem: "pytorch_model")
      : try WeightReader(folder: folder, stem: "diffusion_pytorch_model")
    return CheckpointPart(config: config, weights: weights)
  }

  func scheduler() throws(DiffusionError) -> ConfigReader {
    try ConfigReader(path: "\(path)/scheduler/scheduler_config.json")
  }

  func tokenizer(
    maximumLength: Int, vocabularySize: Int
  ) throws(DiffusionError) -> CLIPTokenizer {
    try CLIPTokenizerLoader(folder: "\(path)/tokenizer").load(
      maximumLength: maximumLength, vocabularySize: vocabularySize)
  }

  func fingerprint(_ parts: [Fingerprint]) throws(DiffusionError) -> Fingerprint {
    try CheckpointFingerprint.compute(directory: path, parts: parts)
  }
}
