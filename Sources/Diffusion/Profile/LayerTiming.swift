/// How often layers of one kind and shape ran, and how long all of it took.
package struct LayerTiming: Sendable {
  package let layer: Layer
  package var runs = 0
  package var seconds = 0.0
}
