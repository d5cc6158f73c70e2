// SPDX-License-Identifier: Apache-2.0
/* Shortest paths from 24 nodes of a sparse graph, with a binary heap. */
#include <limits.h>
#include <stdio.h>

#define NODES 20000
#define EDGES 8
#define HEAP  (NODES * EDGES + 1)

static int to[NODES][EDGES], len[NODES][EDGES], dist[NODES];
static struct item {
	int dist, node;
} heap[HEAP];
static int items;

static void push(int d, int node)
{
	int i = items++;

	while (i > 0 && heap[(i - 1) / 2].dist > d) {
		heap[i] = heap[(i - 1) / 2];
		i = (i - 1) / 2;
	}
	heap[i] = (struct item){ d, node };
}

static struct item pop(void)
{
	struct item top = heap[0], last = heap[--items];
	int i = 0;

	for (;;) {
		int kid = 2 * i + 1;

		if (kid + 1 < items && heap[kid + 1].dist < heap[kid].dist)
			kid++;
		if (kid >= items || heap[kid].dist >= last.dist)
			break;
		heap[i] = heap[kid];
		i = kid;
	}
	heap[i] = last;
	return top;
}

static unsigned paths(int from)
{
	unsigned sum = 0;

	for (int i = 0; i < NODES; i++)
		dist[i] = INT_MAX;
	dist[from] = 0;
	push(0, from);
	while (items > 0) {
		struct item at = pop();

		if (at.dist > dist[at.node])
			continue;
		for (int e = 0; e < EDGES; e++) {
			int d = at.dist + len[at.node][e];

			if (d < dist[to[at.node][e]]) {
				dist[to[at.node][e]] = d;
				push(d, to[at.node][e]);
			}
		}
	}
	for (int i = 0; i < NODES; i++)
		sum = sum * 31 + (unsigned)dist[i];
	return sum;
}

int main(void)
{
	unsigned seed = 11, sum = 0;

	for (int i = 0; i < NODES; i++)
		for (int e = 0; e < EDGES; e++) {
			seed = seed * 1103515245 + 12345;
			to[i][e] = (int)((seed >> 12) % NODES);
			seed = seed * 1103515245 + 12345;
			len[i][e] = (int)(seed >> 16 & 255) + 1;
		}
	for (int i = 0; i < 24; i++)
		sum ^= paths(i * 800);
	printf("%u\n", sum);
	return 0;
}
