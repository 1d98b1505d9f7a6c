internal import Cores
internal import Provenance

/// The parts of a checkpoint, loaded and found to fit each other.
struct Checkpoint: Sendable {
  private static let smallCheckpoint = 256 << 20

  /// The folder or the file.
  let directory: String
  let tokenizer: CLIPTokenizer
  let textEncoder: CLIPTextModel
  let unet: UNet2DConditionModel
  let autoencoder: any Autoencoder
  let schedulers: SchedulerConfiguration
  /// Whether the U-Net sees a mask and the masked picture's latents beside the noisy ones.
  let takesMask: Bool
  let info: DiffusionModelInfo
  /// Where adapters may be run beside its weights.
  let adapterPlaces: AdapterPlaces

  /// Those of all parts.
  var weights: [any StoredWeight] { textEncoder.weights + unet.weights + autoencoder.weights }

  /// Copies weights of at most 256 MiB into memory at once, so that their files may change; larger
  /// ones wait until they are needed.
  func prepareSmallWeights(_ pool: ComputePool) throws(DiffusionError) {
    guard weights.reduce(0, { $0 + $1.bytesInFile }) <= Self.smallCheckpoint else { return }
    for weight in weights { try weight.prepare(pool) }
  }

  /// `path`: a folder in diffusers' layout, or one file in Stable Diffusion's; `autoencoder`: what is used
  /// instead of its own, see ``AutoencoderFiles``; `merged`: what is added to its weights as they are read.
  init(
    path: String, autoencoder replacement: String? = nil, merged: [ModelAdapter] = [],
    precision: Precision
  ) throws(DiffusionError) {
    directory = path
    let layout: any CheckpointLayout =
      CheckpointFile.isFolder(path)
      ? try DiffusersFolder(path: path) : try SingleFile(path: path)
    var warnings = layout.warnings
    func supported(
      _ part: CheckpointPartName, _ names: [String]
    ) throws(DiffusionError) -> String {
      let name = try layout.className(of: part)
      guard names.contains(name) else {
        throw .checkpoint(
          "\(path)/model_index.json",
          "\(part.rawValue) is a \(name); supported: \(names.joined(separator: ", "))")
      }
      return name
    }
    _ = try supported(.unet, ["UNet2DConditionModel"])
    _ = try supported(.textEncoder, ["CLIPTextModel"])
    let other: AutoencoderFiles? =
      if let replacement { try AutoencoderFiles(path: replacement) } else { nil }
    let autoencoderClass =
      if let other {
        other.className
      } else {
        try supported(
          .autoencoder, ["AutoencoderKL", "AutoencoderTiny", "LinearPatchAutoencoder"])
      }
    _ = try supported(.tokenizer, ["CLIPTokenizer", "CLIPTokenizerFast"])
    let schedulerClass = try layout.className(of: .scheduler)

    let textPart = try layout.part(.textEncoder)
    let unetPart = try layout.part(.unet)
    for adapter in merged {
      try LoRAFile(path: adapter.path).merge(
        weight: Float(adapter.weight), unet: unetPart.weights, textEncoder: textPart.weights)
    }
    textEncoder = try CLIPTextModel(textPart, warnings: &warnings)
    tokenizer = try layout.tokenizer(
      maximumLength: textEncoder.maximumLength, vocabularySize: textEncoder.vocabularySize)
    unet = try UNet2DConditionModel(unetPart, precision: precision, warnings: &warnings)
    adapterPlaces = AdapterPlaces(
      unet: unetPart.weights.places, textEncoder: textPart.weights.places)
    let vae = if let other { other.part } else { try layout.part(.autoencoder) }
    try vae.config.require("_class_name", is: .string(autoencoderClass))
    switch autoencoderClass {
    case "LinearPatchAutoencoder":
      autoencoder = try LinearPatchAutoencoder(vae, warnings: &warnings)
    case "AutoencoderTiny":
      autoencoder = try AutoencoderTiny(vae, precision: precision, warnings: &warnings)
    default:
      autoencoder = try AutoencoderKL(vae, precision: precision, warnings: &warnings)
    }

    schedulers = try SchedulerConfiguration(
      layout.scheduler(), className: schedulerClass,
      pipelineCorrections: layout.pipelineClass.hasPrefix("StableDiffusion"))
    warnings += schedulers.warnings

    let configuration = unet.configuration
    let latents = autoencoder.latentChannels
    takesMask = configuration.inChannels == 2 * latents + 1
    guard takesMask || configuration.inChannels == latents,
      configuration.outChannels == latents
    else {
      throw .checkpoint(
        unetPart.config.file,
        "in_channels \(configuration.inChannels) and out_channels \(configuration.outChannels) "
          + "must be the autoencoder's \(latents) latent channels, or in_channels "
          + "\(2 * latents + 1) for inpainting")
    }
    let embedding = textEncoder.hiddenSize
    guard configuration.crossAttentionDimension.allSatisfy({ $0 == embedding }) else {
      throw .checkpoint(
        unetPart.config.file,
        "cross_attention_dim must be the text encoder's hidden_size, \(embedding)")
    }
    let pixels = autoencoder.pixelsPerColumn
    let decoding = autoencoder.decoding
    let wholeWidth = decoding.isExact ? nil : decoding.whole * pixels
    info = DiffusionModelInfo(
      pipelineClass: layout.pipelineClass, autoencoderClass: autoencoderClass,
      parameterCount: textEncoder.parameterCount + unet.parameterCount
        + autoencoder.parameterCount,
      widthMultiple: autoencoder.pixelsPerColumn, heightMultiple: autoencoder.pixelsPerRow,
      defaultWidth: configuration.sampleWidth * autoencoder.pixelsPerColumn,
      defaultHeight: configuration.sampleHeight * autoencoder.pixelsPerRow,
      wholeWidth: wholeWidth,
      maximumPromptTokens: PromptEncoder(tokenizer: tokenizer).capacity,
      defaultScheduler: schedulers.defaultScheduler, schedulers: schedulers.names,
      trainingTimesteps: schedulers.defaultPlan.settings.trainTimesteps,
      latentChannels: latents, takesMask: takesMask, timeIDs: configuration.timeIDs,
      fingerprint: try layout.fingerprint(
        [textEncoder.fingerprint, unet.fingerprint, autoencoder.fingerprint]
      ).description,
      warnings: warnings)
  }
}
