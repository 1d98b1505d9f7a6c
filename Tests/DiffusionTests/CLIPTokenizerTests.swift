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

  private struct Odd: Decodable {
    let scalars: [Block]
    let prompts: [Case]
  }

  /// How many characters of 4,096 have a meaning, and a hash of what they become.
  private struct Block: Decodable, Equatable {
    let count: Int
    let hash: String

    init(count: Int, hash: UInt64) {
      self.count = count
      let digits = String(hash, radix: 16)
      self.hash = String(repeating: "0", count: 16 - digits.count) + digits
    }

    init(from decoder: any Decoder) throws {
      var list = try decoder.unkeyedContainer()
      count = try list.decode(Int.self)
      hash = try list.decode(String.self)
    }
  }

  private func odd() throws -> (expected: Odd, tokenizer: CLIPTokenizer) {
    let data = try Data(contentsOf: URL(filePath: Fixture.path("tokenizers.json")))
    let loader = CLIPTokenizerLoader(folder: Fixture.path("sd1/tokenizer"))
    return (
      try JSONDecoder().decode(Odd.self, from: data),
      try loader.load(maximumLength: 77, vocabularySize: 1000)
    )
  }

  /// Marks in any order, compatibility characters, jamo, capitals without small letters.
  @Test func oddPrompts() throws {
    let (expected, tokenizer) = try odd()
    #expect(expected.prompts.count >= 300)
    for test in expected.prompts {
      #expect(tokenizer.tokens(of: test.prompt) == test.tokens, "\(test.prompt.debugDescription)")
    }
  }

  /// Every character of Unicode 16, between two letters.
  @Test func everyCharacter() throws {
    let (expected, tokenizer) = try odd()
    #expect(expected.scalars.count == 0x110)
    for (index, block) in expected.scalars.enumerated() {
      var count = 0
      var hash: UInt64 = 0xCBF2_9CE4_8422_2325
      for code in UInt32(index) << 12..<UInt32(index + 1) << 12 {
        guard let scalar = Unicode.Scalar(code), let age = scalar.properties.age,
          age.major <= 16,
          ![.unassigned, .privateUse].contains(scalar.properties.generalCategory)
        else { continue }
        count += 1
        var text = String.UnicodeScalarView("b".unicodeScalars)
        text.append(contentsOf: [scalar, "c"])
        for number in [Int32(code)] + tokenizer.tokens(of: String(text)) {
          hash = (hash ^ UInt64(number)) &* 0x100_0000_01B3
        }
      }
      #expect(Block(count: count, hash: hash) == block, "U+\(String(index, radix: 16))000 on")
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

  @Test(arguments: ["only-one", "a b c", " a", "a ", "a\tb", " "])
  func aBadMergesLineIsNamed(line: String) throws {
    try Fixture.withCopy(of: "sd1") { directory in
      let path = "\(directory)/tokenizer/merges.txt"
      let bytes = try Fixture.read(path)
      let number = bytes.count { $0 == UInt8(ascii: "\n") } + 1
      try Fixture.write(bytes + Array("\(line)\nt h\n".utf8), to: path)
      let error = try #require(throws: DiffusionError.self) {
        try SoloModel(directory: directory, threads: 1)
      }
      #expect(error.kind == .checkpoint(file: path, tensor: nil))
      #expect(error.message.contains("line \(number) "), "\(error)")
    }
  }

  @Test func aMergeOfUnknownTokensIsNamed() throws {
    try Fixture.withCopy(of: "sd1") { directory in
      let path = "\(directory)/tokenizer/merges.txt"
      try Fixture.write(try Fixture.read(path) + Array("zzzz qqqq\n".utf8), to: path)
      let error = try #require(throws: DiffusionError.self) {
        try SoloModel(directory: directory, threads: 1)
      }
      #expect(error.kind == .checkpoint(file: path, tensor: nil))
    }
  }
}
