import Diffusion
import Foundation
import Testing

/// Brackets, long prompts and both ways to the embedding, against a reference in Python
/// (Fixtures/make_prompt_fixtures.py).
@Suite("Prompts are read and embedded as riffusion and diffusers do it")
struct PromptTests {
  private struct Expected: Decodable {
    let fragments: [Parsed]
    let embeddings: [Embedding]
  }

  private struct Parsed: Decodable {
    let prompt: String
    let fragments: [Fragment]
  }

  private struct Fragment: Decodable {
    let text: String
    let weight: Double

    init(from decoder: any Decoder) throws {
      var list = try decoder.unkeyedContainer()
      text = try list.decode(String.self)
      weight = try list.decode(Double.self)
    }
  }

  struct Embedding: Decodable, Sendable {
    let key: String
    let model: String
    let length: Int
    let weighting: Bool
    let negative: String?
    let prompt: String

    var request: DiffusionRequest {
      DiffusionRequest(
        prompt: prompt, negativePrompt: negative ?? "", seed: 0,
        guidanceScale: negative == nil ? 1 : 5, promptWeighting: weighting, width: 16, height: 16)
    }
  }

  private static func expected() throws -> Expected {
    try JSONDecoder().decode(
      Expected.self, from: Data(contentsOf: URL(filePath: Fixture.path("prompts.json"))))
  }

  /// A checkpoint whose tokenizer takes `length` tokens.
  private func withModel(
    _ name: String, length: Int, _ body: (SoloModel) throws -> Void
  ) throws {
    try Fixture.withCopy(of: name) { directory in
      try Fixture.editJSON("\(directory)/tokenizer/tokenizer_config.json") {
        $0["model_max_length"] = length
      }
      try body(SoloModel(directory: directory, threads: 2))
    }
  }

  @Test func fragments() throws {
    let cases = try Self.expected().fragments
    #expect(cases.count > 200)
    for test in cases {
      let fragments = PromptParser.fragments(of: test.prompt)
      #expect(
        fragments.map { Array($0.text.unicodeScalars) }
          == test.fragments.map { Array($0.text.unicodeScalars) },
        "\(test.prompt.debugDescription)")
      #expect(
        fragments.map(\.weight) == test.fragments.map(\.weight),
        "\(test.prompt.debugDescription)")
    }
  }

  @Test(arguments: [("sd1", 12), ("sd1", 77), ("sd2", 12), ("sd2", 77)])
  func embeddings(name: String, length: Int) throws {
    let cases = try Self.expected().embeddings.filter { $0.model == name && $0.length == length }
    #expect(!cases.isEmpty)
    try withModel(name, length: length) { model in
      for test in cases {
        let (expected, _) = try Fixture.tensor("prompts.safetensors", test.key)
        let values = try model.embedding(of: test.request)
        #expect(Fixture.relativeError(values, expected) < 2e-5, "\(test.key): \(test.prompt)")
      }
    }
  }

  /// Stable Diffusion 2 pads plain prompts with "!"; riffusion pads with the end token.
  @Test func eitherPaddingFillsTheChunk() throws {
    let model = try Fixture.model("sd2")
    let plain = try #require(model.chunks(["funk"], weighting: true).first?.first)
    let bracketed = try #require(model.chunks(["(funk)"], weighting: true).first?.first)
    #expect(plain != bracketed)
    #expect(plain.last == model.tokens("").last)
    #expect(bracketed.last == bracketed.max())
    #expect(plain.prefix { $0 != bracketed.last } == bracketed.prefix { $0 != bracketed.last })
    #expect(model.chunks(["(funk)", "funk"], weighting: true)[1] == [bracketed])
  }

  @Test func cuts() throws {
    try withModel("sd1", length: 12) { model in
      #expect(model.info.maximumPromptTokens == 30)
      let letters = { (count: Int) in Array(repeating: "7", count: count).joined(separator: " ") }
      var request = DiffusionRequest(
        prompt: letters(10), negativePrompt: letters(31), seed: 0, width: 16, height: 16)
      #expect(
        model.promptCuts(request)
          == [PromptCut(field: "negative_prompt", tokens: 31, kept: 30)])
      request.guidanceScale = 1
      #expect(model.promptCuts(request).isEmpty)
      request.prompt = letters(30)
      #expect(model.promptCuts(request).isEmpty)
      request.prompt = "((\(letters(31)):1.5)"
      #expect(model.promptCuts(request) == [PromptCut(field: "prompt", tokens: 31, kept: 30)])
      request.promptWeighting = false
      request.prompt = letters(10)
      #expect(model.promptCuts(request).isEmpty)
      request.prompt = letters(11)
      #expect(model.promptCuts(request) == [PromptCut(field: "prompt", tokens: 11, kept: 10)])
    }
  }

  /// Two chunks of tokens go through every cross-attention.
  @Test(arguments: ["sd1", "sd2"])
  func longPromptsReachThePicture(name: String) throws {
    let long = try #require(
      try Self.expected().embeddings.first { $0.key == "sd1/77/1/weighted" }?.request)
    var request = long
    request.seed = 5
    request.steps = 5
    request.guidanceScale = 7.5
    request.width = 32
    request.height = 24
    let values = try Fixture.model(name).picture(request) { _ in }
    let (expected, _) = try Fixture.tensor("prompts.safetensors", "picture/\(name)")
    #expect(Fixture.relativeError(values, expected) < 1e-3)
  }

  /// Riffusion would draw from numbers that are none.
  @Test(arguments: [
    String(repeating: "(", count: 9000) + "x", "(x:\(String(repeating: "9", count: 39)))",
  ])
  func weightsBeyondF32(prompt: String) throws {
    let model = try Fixture.model("sd1")
    let request = DiffusionRequest(prompt: prompt, seed: 1, steps: 1, width: 16, height: 16)
    let error = try #require(throws: DiffusionError.self) { try model.picture(request) { _ in } }
    #expect(error.kind == .invalidArgument(field: "prompt"))
  }

  /// Any bytes give a picture or an error of the prompt's.
  @Test func oddPromptsNeverTrap() throws {
    let model = try Fixture.model("sd1", threads: 1)
    var random = SplitMix(state: 7)
    let pieces = [
      "(", ")", "[", "]", "\\", ":", ":1.3)", ":-0)", ":1e999)", ":nan)", ":.)", "\u{0}", " ",
      "funk", "é", "e\u{301}", "\u{200D}", "\u{10FFFF}", "7", "<|endoftext|>", "<|", "|>", "'s",
    ]
    for round in 0..<300 {
      var prompt = ""
      for _ in 0..<random.next() % (round % 50 == 0 ? 2000 : 40) {
        prompt += pieces[Int(random.next() % UInt64(pieces.count))]
      }
      let request = DiffusionRequest(
        prompt: prompt, negativePrompt: String(prompt.reversed()), seed: 0, width: 16, height: 16)
      do {
        let values = try model.embedding(of: request)
        #expect(values.count % (2 * 77 * 16) == 0 && values.allSatisfy { $0.isFinite })
      } catch let error as DiffusionError {
        guard case .invalidArgument = error.kind else { throw error }
      }
      for cut in model.promptCuts(request) { #expect(cut.tokens > cut.kept) }
    }
  }

  /// Ten thousand signs of the worst kinds are read in moderate time and space.
  @Test(arguments: ["(", ")", "[", "]", "\\", ":", "(:", "[)", ":1", ":1.)", "(x)", "a", "'", "é"])
  func tenThousandSigns(piece: String) throws {
    let prompt = String(repeating: piece, count: 10_000 / piece.utf8.count)
    let fragments = PromptParser.fragments(of: prompt)
    #expect(!fragments.isEmpty)
    let chunks = try Fixture.model("sd1", threads: 1).chunks([prompt], weighting: true)[0]
    #expect(1...3 ~= chunks.count && chunks.allSatisfy { $0.count == 77 })
  }
}

/// Steele et al., 2014: a generator of test data that is the same everywhere.
private struct SplitMix {
  var state: UInt64

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ z >> 30) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ z >> 27) &* 0x94D0_49BB_1331_11EB
    return z ^ z >> 31
  }
}
