from common import *
from shares import scoreq, cen
def ld(t): d=np.load(f'Z_{t}.npz'); return cen(d['Z'],d['ZU'])
for S_ in (['c','c1','c2'],['cs1','cs2'],['c1','c2','cs1','cs2'],['conv1','c1','cs1'],['c1','c2','cs1','cs2','p25_1','p25_2','conv1','c6_1','c6_2'],['cs1','cs2','p25_1','p25_2','conv1','ep60_1']):
    X=np.concatenate([ld(t)[0] for t in S_],1)/np.sqrt(len(S_))
    for C in (.3,1.,3):
        a,f=scoreq(X,C); print('+'.join(S_),C,'%.3f'%a,np.round(f,3),flush=True)
