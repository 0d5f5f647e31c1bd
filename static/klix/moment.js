/* Those who show the moment that is being heard: the timeline, the transcript. */
export const onPaint = [];
