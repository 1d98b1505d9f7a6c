import RiffProtocol

#if canImport(FoundationEssentials)
  import FoundationEssentials
#else
  import Foundation
#endif

/// What riffusion's server takes: `InferenceInput` of riffusion-hobby's `datatypes.py`.
struct InferenceInput: Decodable {
  struct End: Decodable {
    var prompt: String
    var seed: UInt64
    var negativePrompt: String?
    /// 0.75 where it is not said.
    var denoising: Double?
    /// 7 where it is not said.
    var guidance: Double?

    private enum CodingKeys: String, CodingKey {
      case prompt, seed, denoising, guidance
      case negativePrompt = "negative_prompt"
    }

    func change(_ end: inout Riff_V1_MorphEnd) {
      end.prompt = self.prompt
      end.seed = self.seed
      end.strength = self.denoising ?? 0.75
      end.guidanceScale = Float(self.guidance ?? 7)
    }
  }

  var start: End
  var end: End
  var alpha: Double
  /// 50 where it is not said.
  var steps: UInt32?
  /// "og_beat" where it is not said.
  var seedImage: String?
  var maskImage: String?
  private var path = ""

  private enum CodingKeys: String, CodingKey {
    case start, end, alpha
    case steps = "num_inference_steps"
    case seedImage = "seed_image_id"
    case maskImage = "mask_image_id"
  }

  /// Bytes that such a file may have.
  private static let limit = 1 << 20

  /// - Throws: ``Failure`` where it cannot be read, or says something else.
  init(path: String) throws {
    let file = try InputFile(path: path)
    let bytes = try file.start(Self.limit + 1)
    guard bytes.count <= Self.limit else {
      throw Failure(message: "\(path): an InferenceInput has at most \(Self.limit) bytes")
    }
    do {
      self = try JSONDecoder().decode(InferenceInput.self, from: Data(bytes))
    } catch {
      throw Failure(
        message: "\(path) is not an InferenceInput of riffusion's: \(Self.words(error))")
    }
    self.path = path
  }

  private static func words(_ error: any Error) -> String {
    func place(_ context: DecodingError.Context, _ key: (any CodingKey)? = nil) -> String {
      (context.codingPath + [key].compactMap(\.self)).map(\.stringValue).joined(separator: ".")
    }
    switch error as? DecodingError {
    case .keyNotFound(let key, let context): return "“\(place(context, key))” is missing"
    case .typeMismatch(_, let context), .valueNotFound(_, let context):
      return "“\(place(context))” is of another type"
    case .dataCorrupted(let context) where !context.codingPath.isEmpty:
      return "“\(place(context))” cannot be read"
    default: return "it is not JSON"
    }
  }

  /// What is passed over, a sentence each.
  var warnings: [String] {
    [("start", self.start), ("end", self.end)].compactMap { name, end in
      end.negativePrompt?.isEmpty ?? true
        ? nil : "\(name).negative_prompt is passed over, as riffusion does"
    }
  }

  /// The picture that it begins from.
  ///
  /// - Throws: ``Failure`` where it is not beside the file.
  func picture() throws -> String { try self.beside(self.seedImage ?? "og_beat", "--init") }

  /// - Throws: ``Failure`` where it is not beside the file.
  func mask() throws -> String? {
    guard let maskImage, !maskImage.isEmpty else { return nil }
    return try self.beside(maskImage, "--mask")
  }

  private func beside(_ id: String, _ option: String) throws -> String {
    guard !id.isEmpty, !id.contains("/"), id != "..", id != "." else {
      throw Failure(message: "\(self.path): “\(id.prefix(100))” is not the name of a picture")
    }
    let folder = self.path.lastIndex(of: "/").map { String(self.path[...$0]) } ?? ""
    let path = "\(folder)\(id).png"
    guard FileManager.default.fileExists(atPath: path) else {
      throw Failure(message: "\(path) is not there; name the picture with \(option)")
    }
    return path
  }

  func change(_ options: inout Riff_V1_MorphOptions) throws {
    self.start.change(&options.from)
    self.end.change(&options.to)
    options.alpha = self.alpha
    if !options.generate.hasSteps { options.generate.steps = self.steps ?? 50 }
  }
}
