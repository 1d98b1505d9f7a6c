/// A piece of a prompt and the weight that its brackets give it.
package struct PromptFragment: Sendable, Hashable {
  package var text: String
  package var weight: Double

  package init(_ text: String, weight: Double = 1) {
    self.text = text
    self.weight = weight
  }
}
