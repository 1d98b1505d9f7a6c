import AudioIO
import Diffusion
import Provenance
import Spectrogram

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// One piece that turns from one idea into another: clips in a row, each a share further on the way.
///
/// As riffusion does it: embeddings, guidance and strength are linear in the share, the noise lies between
/// two seeds' on the sphere.
public struct MorphJob: UploadJob {
  /// What all clips have in common; its prompt is not read, its width is a clip's.
  public var request: GenerateJob
  /// How the first clip sounds.
  public var from: MorphEnd
  /// How the last clip sounds.
  public var to: MorphEnd
  /// 1 to 1,000; nil: five.
  public var clips: Int?
  /// Exponent of the curve from position to share, above 0, at most 100; nil: 1.
  public var power: Double?
  /// Set: the one picture at this share, 0 to 1, as riffusion's pipeline paints it.
  public var alpha: Double?
  /// As ``RemixJob/mask``.
  public var mask: [UInt8] = []
  /// What all clips begin from; empty: from noise.
  public var file: Upload
  /// The file's name, for what is made to tell.
  public var fileName = ""

  static let sizeLimit = RequestLimits.uploadBytes
  static let defaultClips = 5

  /// Five clips on a straight way, unless the fields say otherwise.
  public init(_ request: GenerateJob, from: MorphEnd, to: MorphEnd, file: Upload) {
    self.request = request
    self.from = from
    self.to = to
    self.file = file
  }

  var method: String { "Morph" }
  var title: String { "\(self.from.prompt) → \(self.to.prompt)" }
  var needsFile: Bool { self.alpha != nil }

  func check(_ faults: inout RequestFaults, in studio: Studio) {
    var request = self.request
    // The ends have their own.
    request.prompt = "music"
    request.check(&faults, in: studio)
    for (name, end) in [("from", self.from), ("to", self.to)] {
      if !end.prompt.contains(where: { !$0.isWhitespace }) {
        faults.add("\(name).prompt", "\(name).prompt must not be empty")
      }
      faults.check("\(name).prompt", end.prompt, atMost: RequestLimits.promptBytes)
      faults.check("\(name).guidance_scale", end.guidanceScale, RequestLimits.guidanceScale)
      faults.check("\(name).strength", end.strength, RequestLimits.strength)
    }
    request.refuseLoop(&faults, "a morph ends elsewhere than it begins")
    if request.durationSeconds != nil {
      faults.add("duration_seconds", "duration_seconds must be unset: width is that of one clip")
    }
    faults.check("clips", self.clips, RequestLimits.morphClips)
    faults.check("alpha", self.alpha, 0.0...1.0)
    // Written so that NaN fails.
    if let power, !(power > 0 && power <= 100) {
      faults.add("power", "power must be above 0 and at most 100, not \(power)")
    }
    if self.alpha != nil, self.clips != nil || self.power != nil {
      faults.add("alpha", "alpha is for one picture: clips and power must be unset")
    }
    faults.check(mask: self.mask)
  }

  func check(beginning bytes: [UInt8]) throws(JobError) {
    if !PictureFormat(detecting: bytes).isPicture { try Self.checkSound(bytes) }
  }

  /// The share of clip `index` of `count`, by riffusion's playground.
  static func share(_ index: Int, of count: Int, power: Double) -> Double {
    guard count > 1 else { return 0 }
    let u = 2 * Double(index) / Double(count - 1) - 1
    return (pow(abs(u), power) * (u < 0 ? -1 : 1) + 1) / 2
  }

  func run(_ context: JobContext, in studio: Studio) throws -> JobSummary {
    let upload = self.file.count > 0 ? try UploadNotes(name: self.fileName, self.file) : nil
    let source =
      self.file.count > 0 ? try RemixSource(self.file, startSeconds: 0, context) : nil
    if source == nil {
      let ends = [("from.strength", self.from.strength), ("to.strength", self.to.strength)]
      if let set = ends.first(where: { $0.1 != nil }) {
        throw JobError(
          .invalidArgument(field: set.0),
          "\(set.0) is how far an upload is painted over, and there is none")
      }
      guard self.mask.isEmpty else {
        throw JobError(
          .invalidArgument(field: "mask"), "mask is for an upload, and there is none")
      }
    }
    var request = self.request
    let seed = request.seed ?? UInt64(UInt32.random(in: .min ... .max))
    request.prompt = self.from.prompt
    request.seed = self.from.seed ?? seed
    var painting = Painting(job: request, source: source, upload: upload)
    painting.mask = try RemixJob.keepMask(self.mask)
    if !self.mask.isEmpty { painting.maskFingerprint = Fingerprint(of: self.mask) }
    painting.morph = Morphing(from: self.from, to: self.to, toSeed: self.to.seed ?? seed)
    guard let alpha else {
      return try MorphSequence(job: self, painting: painting).run(context, in: studio)
    }
    guard case .picture = source else {
      throw JobError(
        .invalidArgument(field: "chunk"), "a morph at one share needs a picture as its upload")
    }
    painting.morph?.share = alpha
    painting.morph?.alpha = alpha
    return try painting.run(context, in: studio)
  }
}
