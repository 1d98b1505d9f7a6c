/// What a loaded checkpoint is and takes.
public struct DiffusionModelInfo: Sendable, Hashable {
  /// The classes of its parts, as its files name them.
  public let pipelineClass: String
  public let unetClass: String
  public let autoencoderClass: String
  public let textEncoderClass: String
  public let schedulerClass: String
  /// Parameters of all parts together.
  public let parameterCount: Int
  /// Pixels that a picture's sides must be multiples of.
  public let widthMultiple: Int
  public let heightMultiple: Int
  /// Pixels of the size it was trained on.
  public let defaultWidth: Int
  public let defaultHeight: Int
  public let maximumPromptBytes: Int
  /// Tokens of a prompt that reach the model, a third of them where it is not to be weighted; what
  /// follows is cut.
  public let maximumPromptTokens: Int
  public let defaultScheduler: SchedulerName
  public let schedulers: [SchedulerName]
  /// No more denoising steps than these.
  public let trainingTimesteps: Int
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
