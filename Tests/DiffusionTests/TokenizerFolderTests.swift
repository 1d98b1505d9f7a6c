import Diffusion
import Foundation
import Testing

/// Which tokens are special, from the files that transformers has named them in over the years
/// (Fixtures/make_tokenizer_fixtures.py).
@Suite("Tokenizer folders mean what they mean to transformers")
struct TokenizerFolderTests {
  private let vocabularySize = 1000

  /// A folder with sd1's vocabulary and, on top of it, `files`.
  private func withFolder(
    _ files: [String: Any], _ body: (CLIPTokenizerLoader) throws -> Void
  ) throws {
    try Fixture.withCopy(of: "sd1/tokenizer") { directory in
      for name in ["tokenizer_config.json", "special_tokens_map.json"] {
        try FileManager.default.removeItem(atPath: "\(directory)/\(name)")
      }
      for (name, value) in files {
        try JSONSerialization.data(withJSONObject: value)
          .write(to: URL(filePath: "\(directory)/\(name)"))
      }
      try body(CLIPTokenizerLoader(folder: directory))
    }
  }

  @Test func everyFolder() throws {
    let data = try Data(contentsOf: URL(filePath: Fixture.path("tokenizers.json")))
    let value = try #require(try JSONSerialization.jsonObject(with: data) as? [String: Any])
    let cases = try #require(value["folders"] as? [[String: Any]])
    #expect(cases.count > 30)
    for (index, test) in cases.enumerated() {
      let files = try #require(test["files"] as? [String: Any])
      try withFolder(files) { loader in
        let tokenizer = try loader.load(maximumLength: 77, vocabularySize: vocabularySize)
        let padding = try #require(test["padding"] as? NSNumber)
        #expect(tokenizer.padding == padding.int32Value, "folder \(index)")
        for prompt in try #require(test["prompts"] as? [[String: Any]]) {
          let text = try #require(prompt["prompt"] as? String)
          let tokens = try #require(prompt["tokens"] as? [NSNumber]).map(\.int32Value)
          #expect(tokenizer.tokens(of: text) == tokens, "folder \(index): \(text)")
        }
      }
    }
  }

  private func refused(
    _ files: [String: Any], saying words: String, sourceLocation: SourceLocation = #_sourceLocation
  ) throws {
    try withFolder(files) { loader in
      let error = try #require(throws: DiffusionError.self, sourceLocation: sourceLocation) {
        try loader.load(maximumLength: 77, vocabularySize: vocabularySize)
      }
      guard case .checkpoint(let file, nil) = error.kind else {
        Issue.record("\(error)", sourceLocation: sourceLocation)
        return
      }
      #expect(file.hasPrefix(loader.folder), sourceLocation: sourceLocation)
      #expect(error.message.contains(words), "\(error)", sourceLocation: sourceLocation)
    }
  }

  @Test func damagedSettings() throws {
    let map = "special_tokens_map.json"
    let settings = "tokenizer_config.json"
    try refused(["added_tokens.json": ["<new>": 9999]], saying: "<new>")
    try refused(["added_tokens.json": ["<new>": "x"]], saying: "<new>")
    try refused(["added_tokens.json": ["<new>": -1]], saying: "<new>")
    try refused([map: ["pad_token": ""]], saying: "pad_token")
    try refused([map: ["pad_token": 3]], saying: "pad_token")
    try refused([map: ["eos_token": ["normalized": true]]], saying: "content")
    try refused([map: ["unk_token": "<nowhere>"]], saying: "<nowhere>")
    try refused(
      [map: ["pad_token": ["content": "!", "single_word": true]]], saying: "single_word")
    try refused([settings: ["added_tokens_decoder": ["x": "<new>"]]], saying: "x")
    try refused([settings: ["added_tokens_decoder": ["9": "<new>"]]], saying: "<new>")
    try refused([settings: ["model_max_length": 2]], saying: "model_max_length")
    try refused([settings: ["model_max_length": -1e300]], saying: "model_max_length")
    try refused(
      [map: ["additional_special_tokens": (0...10_000).map { "<\($0)>" }]], saying: "10000")
    try refused(
      [map: ["additional_special_tokens": (0...800).map { "<\($0)>" }]], saying: "vocab_size")
  }

  @Test func damagedVocabularies() throws {
    let vocabulary: [String: Any] = ["<|endoftext|>": 0, "<|startoftext|>": 1, "a": 2, "b</w>": 3]
    func model(_ change: [String: Any]) -> [String: Any] {
      let model: [String: Any] = ["type": "BPE", "vocab": vocabulary, "merges": [[String]]()]
      return ["tokenizer.json": ["model": model.merging(change) { $1 }]]
    }
    try withFolder(model([:])) { loader in
      let tokenizer = try loader.load(maximumLength: 77, vocabularySize: 4)
      // Every byte that the vocabulary lacks is the unknown token, which is the end.
      #expect(tokenizer.tokens(of: "ab cb") == [2, 3, 0, 3])
    }
    try refused(model(["merges": [["a", "b</w>"]]]), saying: "merges[0]")
    try refused(model(["merges": [["a"]]]), saying: "merges[0]")
    try refused(model(["merges": ["a b c"]]), saying: "merges[0]")
    try refused(model(["merges": 3]), saying: "merges")
    try refused(model(["type": "Unigram"]), saying: "type")
    try refused(model(["vocab": ["a": -1]]), saying: "a")
    try refused(model(["vocab": ["a": 0.5]]), saying: "a")
    try refused(model(["vocab": ["a": 2]]), saying: "<|endoftext|>")
    try refused(["tokenizer.json": ["model": 1]], saying: "model")
    try refused(["tokenizer.json": [String: Any]()], saying: "vocab")
  }
}
