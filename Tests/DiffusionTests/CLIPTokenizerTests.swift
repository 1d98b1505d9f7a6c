import Diffusion
import Foundation
import Testing

@Suite("Tokens equal those of transformers' CLIPTokenizer")
struct CLIPTokenizerTests {
  private struct Case: Decodable {
    let prompt: String
    let tokens: [Int32]
  }

  private func cases() throws -> [String: [Case]] {
    try JSONDecoder().decode(
      [String: [Case]].self,
      from: Data(contentsOf: URL(filePath: Fixture.path("tokens.json"))))
  }

  /// sd1: vocab.json and merges.txt; sd2: "!" as padding and so as a special token; sd1-f16: only
  /// tokenizer.json, of the same tokenizer as sd1; linear-patch: special tokens in capitals count.
  @Test(arguments: [
    ("sd1", "sd1"), ("sd2", "sd2"), ("sd1-f16", "sd1"), ("linear-patch", "linear-patch"),
  ])
  func everyPrompt(model: String, expected: String) throws {
    let loaded = try Fixture.model(model)
    let cases = try #require(try cases()[expected])
    #expect(cases.count >= 15)
    for test in cases {
      #expect(loaded.tokens(test.prompt) == test.tokens, "\(test.prompt)")
    }
  }

  @Test func aLongPromptIsCutAndStillEnds() throws {
    let model = try Fixture.model("sd1")
    let tokens = model.tokens(String(repeating: "techno ", count: 1400))
    #expect(tokens.count == 77)
    #expect(tokens.first == model.tokens("").first)
    #expect(tokens.last == model.tokens("").last)
    #expect(model.tokens(String(repeating: "x", count: 10_000)).count == 77)
  }

  @Test func aBadMergesLineIsNamed() throws {
    try Fixture.withCopy(of: "sd1") { directory in
      let path = "\(directory)/tokenizer/merges.txt"
      try Fixture.write(try Fixture.read(path) + Array("only-one\n".utf8), to: path)
      let error = try #require(throws: DiffusionError.self) {
        try DiffusionModel(directory: directory, threads: 1)
      }
      #expect(error.kind == .checkpoint(file: path, tensor: nil))
      #expect(error.message.contains("line "))
    }
  }

  @Test func aMergeOfUnknownTokensIsNamed() throws {
    try Fixture.withCopy(of: "sd1") { directory in
      let path = "\(directory)/tokenizer/merges.txt"
      try Fixture.write(try Fixture.read(path) + Array("zzzz qqqq\n".utf8), to: path)
      let error = try #require(throws: DiffusionError.self) {
        try DiffusionModel(directory: directory, threads: 1)
      }
      #expect(error.kind == .checkpoint(file: path, tensor: nil))
    }
  }
}
