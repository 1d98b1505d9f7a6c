internal import Cores
internal import Provenance

/// The parts of a checkpoint folder, loaded and found to fit each other.
struct Checkpoint: Sendable {
  private static let smallCheckpoint = 256 << 20

  let directory: String
  let tokenizer: CLIPTokenizer
  let textEncoder: CLIPTextModel
  let unet: UNet2DConditionModel
  let autoencoder: any Autoencoder
  let schedulers: SchedulerConfiguration
  /// Whether the U-Net sees a mask and the masked picture's latents beside the noisy ones.
  let takesMask: Bool
  let info: DiffusionModelInfo

  /// Those of all parts.
  var weights: [any StoredWeight] { textEncoder.weights + unet.weights + autoencoder.weights }

  /// Copies weights of at most 256 MiB into memory at once, so that their files may change; larger
  /// ones wait until they are needed.
  func prepareSmallWeights(_ pool: ComputePool) throws(DiffusionError) {
    guard weights.reduce(0, { $0 + $1.bytesInFile }) <= Self.smallCheckpoint else { return }
    for weight in weights { try weight.prepare(pool) }
  }

  init(directory: String) throws(DiffusionError) {
    self.directory = directory
    var warnings: [String] = []
    let index = try ConfigReader(path: "\(directory)/model_index.json")
    let pipelineClass = try index.string("_class_name")
    warnings += Self.warnings(about: index, of: pipelineClass)
    func className(_ part: String) throws(DiffusionError) -> String {
      guard case .array(let entry) = index.present(part), entry.count == 2,
        case .string(let name) = entry[1]
      else {
        throw index.failure(part, "must be a library and a class")
      }
      return name
    }
    func supported(_ part: String, _ names: [String]) throws(DiffusionError) -> String {
      let name = try className(part)
      guard names.contains(name) else {
        throw index.failure(
          part, "is a \(name); supported: \(names.joined(separator: ", "))")
      }
      return name
    }
    let unetClass = try supported("unet", ["UNet2DConditionModel"])
    let textEncoderClass = try supported("text_encoder", ["CLIPTextModel"])
    let autoencoderClass = try supported("vae", ["AutoencoderKL", "LinearPatchAutoencoder"])
    _ = try supported("tokenizer", ["CLIPTokenizer", "CLIPTokenizerFast"])
    let schedulerClass = try className("scheduler")

    textEncoder = try CLIPTextModel(folder: "\(directory)/text_encoder", warnings: &warnings)
    tokenizer = try CLIPTokenizerLoader(folder: "\(directory)/tokenizer").load(
      maximumLength: textEncoder.maximumLength, vocabularySize: textEncoder.vocabularySize)
    unet = try UNet2DConditionModel(folder: "\(directory)/unet", warnings: &warnings)
    let vae = try ConfigReader(path: "\(directory)/vae/config.json")
    try vae.require("_class_name", is: .string(autoencoderClass))
    switch autoencoderClass {
    case "LinearPatchAutoencoder":
      autoencoder = try LinearPatchAutoencoder(
        folder: "\(directory)/vae", config: vae, warnings: &warnings)
    default:
      autoencoder = try AutoencoderKL(
        folder: "\(directory)/vae", config: vae, warnings: &warnings)
    }

    schedulers = try SchedulerConfiguration(
      ConfigReader(path: "\(directory)/scheduler/scheduler_config.json"),
      className: schedulerClass,
      pipelineCorrections: pipelineClass.hasPrefix("StableDiffusion"))
    warnings += schedulers.warnings

    let configuration = unet.configuration
    let latents = autoencoder.latentChannels
    takesMask = configuration.inChannels == 2 * latents + 1
    guard takesMask || configuration.inChannels == latents,
      configuration.outChannels == latents
    else {
      throw .checkpoint(
        "\(directory)/unet/config.json",
        "in_channels \(configuration.inChannels) and out_channels \(configuration.outChannels) "
          + "must be the autoencoder's \(latents) latent channels, or in_channels "
          + "\(2 * latents + 1) for inpainting")
    }
    let embedding = textEncoder.hiddenSize
    guard configuration.crossAttentionDimension.allSatisfy({ $0 == embedding }) else {
      throw .checkpoint(
        "\(directory)/unet/config.json",
        "cross_attention_dim must be the text encoder's hidden_size, \(embedding)")
    }
    info = DiffusionModelInfo(
      pipelineClass: pipelineClass, unetClass: unetClass, autoencoderClass: autoencoderClass,
      textEncoderClass: textEncoderClass, schedulerClass: schedulerClass,
      parameterCount: textEncoder.parameterCount + unet.parameterCount
        + autoencoder.parameterCount,
      widthMultiple: autoencoder.pixelsPerColumn, heightMultiple: autoencoder.pixelsPerRow,
      defaultWidth: configuration.sampleWidth * autoencoder.pixelsPerColumn,
      defaultHeight: configuration.sampleHeight * autoencoder.pixelsPerRow,
      maximumPromptBytes: DiffusionRequest.maximumPromptBytes,
      maximumPromptTokens: PromptEncoder(tokenizer: tokenizer).capacity,
      defaultScheduler: schedulers.defaultScheduler, schedulers: SchedulerName.allCases,
      trainingTimesteps: schedulers.defaultPlan.settings.trainTimesteps,
      latentChannels: latents, takesMask: takesMask, timeIDs: configuration.timeIDs,
      fingerprint: try CheckpointFingerprint.compute(
        directory: directory,
        parts: [textEncoder.fingerprint, unet.fingerprint, autoencoder.fingerprint]
      ).description,
      warnings: warnings)
  }

  /// The parts that `model_index.json` lists and nobody here reads.
  private static func warnings(about index: ConfigReader, of pipeline: String) -> [String] {
    var warnings: [String] = []
    let known: Set = [
      "vae", "text_encoder", "tokenizer", "unet", "scheduler", "safety_checker",
      "feature_extractor", "image_encoder", "requires_safety_checker",
    ]
    if let warning = index.warning(besides: known, of: pipeline) { warnings.append(warning) }
    if case .array(let entry) = index.present("safety_checker"), case .string = entry.last {
      warnings.append("\(index.file): safety_checker is not run")
    }
    return warnings
  }
}
