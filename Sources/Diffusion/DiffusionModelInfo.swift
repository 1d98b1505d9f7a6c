/// What a loaded checkpoint is and takes.
public struct DiffusionModelInfo: Sendable, Hashable {
  /// The class of the whole, as its files name it: `StableDiffusionPipeline` for most.
  public let pipelineClass: String
  /// `AutoencoderKL`, `AutoencoderTiny` or `LinearPatchAutoencoder`; the replacement's, where there is
  /// one.
  public let autoencoderClass: String
  /// Parameters of all parts together.
  public let parameterCount: Int
  /// Pixels that a picture's width must be a multiple of.
  public let widthMultiple: Int
  /// Pixels that a picture's height must be a multiple of.
  public let heightMultiple: Int
  /// Pixels of the width it was trained on.
  public let defaultWidth: Int
  /// Pixels of the height it was trained on.
  public let defaultHeight: Int
  /// Pixels of the width up to which a picture is encoded and decoded as a whole; wider ones are put together
  /// from parts that overlap, and differ from the whole. Nil: every picture is as if it were taken as a whole.
  public let wholeWidth: Int?
  /// Tokens of a prompt that reach the model, a third of them where it is not to be weighted; what
  /// follows is cut.
  public let maximumPromptTokens: Int
  /// What a request without a scheduler gets: the checkpoint's own or, where that is not supported, the
  /// nearest.
  public let defaultScheduler: SchedulerName
  /// Those that work with this checkpoint's settings.
  public let schedulers: [SchedulerName]
  /// No more denoising steps than these.
  public let trainingTimesteps: Int
  /// Of the latents that are denoised: 4 for Stable Diffusion.
  public let latentChannels: Int
  /// Whether the U-Net sees a mask and the masked picture's latents, 2C + 1 channels in all: an
  /// inpainting model. Without a mask it paints over everything.
  public let takesMask: Bool
  /// Numbers that the model may be told besides the prompt, ``DiffusionRequest/timeIDs``; 0 for most.
  public let timeIDs: Int
  /// 16 hex digits that tell this checkpoint from others: a digest of its configuration, of its
  /// tensors' names, shapes and types, and of samples of their data.
  public let fingerprint: String
  /// What its files say that is not heeded, a sentence each, naming file and key.
  public let warnings: [String]
}
